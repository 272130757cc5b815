#include <terrace/redis_cluster.hpp>

#include "base/fork.hpp"
#include "base/joined_watch.hpp"
#include "redis/backend_tier.hpp"
#include "redis/cluster.hpp"
#include "redis/shared_redis.hpp"
#include "redis/socket_network.hpp"

namespace terrace {
namespace {

using namespace redis;

/// The watch over all primaries. The members are changed on the I/O thread.
class PrimaryWatches {
 public:
  PrimaryWatches(const Clock& clock, std::shared_ptr<TierContext> context)
      : context_(std::move(context)), joined_(clock) {}

  void follow(const Cluster::Clients& primaries) {
    WatchChange change;
    std::map<Address, Member> left;
    for (auto at = members_.begin(); at != members_.end();) {
      const auto next = std::next(at);
      const auto found = primaries.find(at->first);
      if (found == primaries.end() || found->second != at->second.client) {
        change.removed.push_back(at->second.name);
        left.insert(members_.extract(at));
      }
      at = next;
    }
    for (const auto& [address, client] : primaries) {
      if (members_.contains(address)) continue;
      Member member{++last_name_, client, std::make_unique<SharedRedis>(context_, client)};
      change.added.emplace(member.name, member.watches.get());
      members_.emplace(address, std::move(member));
    }
    joined_.change(change);
    for (auto& [address, member] : left) member.watches->tracking()->shut_down();
  }

  void shut_down() {
    for (auto& [address, member] : members_) member.watches->tracking()->shut_down();
  }

  [[nodiscard]] std::shared_ptr<void> watch(std::vector<std::string> prefixes,
                                            std::shared_ptr<Watcher> watcher) {
    return joined_.watch(std::move(prefixes), std::move(watcher));
  }

 private:
  struct Member {
    WatchMember name;
    std::shared_ptr<Client> client;
    std::unique_ptr<SharedRedis> watches;
  };

  const std::shared_ptr<TierContext> context_;
  std::map<Address, Member> members_;
  WatchMember last_name_ = 0;
  JoinedWatches joined_;
};

class ClusterSharing final : public Leases {
 public:
  ClusterSharing(const std::shared_ptr<TierContext>& context, std::shared_ptr<PrimaryWatches> watches)
      : Leases(context), watches_(std::move(watches)) {}

  [[nodiscard]] std::shared_ptr<void> watch(std::vector<std::string> prefixes,
                                            std::shared_ptr<Watcher> watcher) override {
    return watches_->watch(std::move(prefixes), std::move(watcher));
  }
  [[nodiscard]] const std::shared_ptr<PrimaryWatches>& watches() const noexcept { return watches_; }

 private:
  const std::shared_ptr<PrimaryWatches> watches_;
};

/// A bulk delete on all primaries at the same time. If keys may have moved past it, another one follows: it
/// finds the keys that had moved before the first one reached them.
class ClusterSweep final : public std::enable_shared_from_this<ClusterSweep> {
 public:
  ClusterSweep(std::shared_ptr<Cluster> cluster, std::shared_ptr<TierContext> context, std::string prefix,
               std::string pattern, TimePoint deadline, Handler<Result<Swept>> done)
      : cluster_(std::move(cluster)),
        context_(std::move(context)),
        prefix_(std::move(prefix)),
        pattern_(std::move(pattern)),
        deadline_(deadline),
        done_(std::move(done)) {}

  /// Sends any command, which waits until the nodes are known.
  void start() { cluster_->submit(std::make_unique<Knock>(shared_from_this())); }

 private:
  static constexpr unsigned most_rounds = 3;

  class Knock final : public Exchange {
   public:
    explicit Knock(std::shared_ptr<ClusterSweep> sweep) : sweep_(std::move(sweep)) {
      add_command(payload, {"PING"});
      deadline = sweep_->deadline_;
      reads = true;
    }
    void on_node(std::size_t, const Node&) override {}
    void on_end(const Error* failure) override {
      if (failure != nullptr) return sweep_->done_(*failure);
      sweep_->round();
    }

   private:
    std::shared_ptr<ClusterSweep> sweep_;
  };

  void round() {
    ++rounds_;
    again_ = astray_ = false;
    const auto primaries = cluster_->primaries();
    left_ = primaries.size() + 1;
    for (const auto& [address, client] : primaries) {
      start_sweep(context_, client, prefix_, pattern_, deadline_,
                  [self = shared_from_this()](Result<Swept> swept) { self->swept_one(std::move(swept)); });
    }
    swept_one(Swept{});
  }

  void swept_one(Result<Swept> swept) {
    {
      const std::lock_guard lock(mutex_);  // a client that has ended calls on any thread
      if (swept) {
        total_.removed += swept->removed;
        again_ = again_ || swept->again || swept->astray;
        astray_ = astray_ || swept->astray;
      } else if (!failure_) {
        failure_ = std::move(swept).error();
      }
      if (--left_ > 0) return;
    }
    if (failure_) return done_(*failure_);
    if (astray_ && rounds_ == most_rounds) {
      return done_(
          Error(Errc::unavailable, "Redis " + cluster_->label() + ": the primaries changed during each of " +
                                       std::to_string(most_rounds) + " sweeps (" +
                                       std::to_string(total_.removed) + " keys were removed before)"));
    }
    if (!again_ || rounds_ == most_rounds) return done_(total_);
    cluster_->submit_after_refresh(std::make_unique<Knock>(shared_from_this()));
  }

  const std::shared_ptr<Cluster> cluster_;
  const std::shared_ptr<TierContext> context_;
  const std::string prefix_;
  const std::string pattern_;
  const TimePoint deadline_;
  Handler<Result<Swept>> done_;
  std::mutex mutex_;
  unsigned rounds_ = 0;
  std::size_t left_ = 0;
  bool again_ = false;
  bool astray_ = false;
  Swept total_;
  std::optional<Error> failure_;
};

void check(const ClusterOptions& options, const ClusterEntry& entry) {
  check_options(options.node);
  if (options.node.url != RedisOptions{}.url) {
    throw ConfigError("ClusterOptions::node.url is set; the servers go into ClusterOptions::seeds");
  }
  const bool tls_files = !options.node.ca_file.empty() || !options.node.cert_file.empty();
  if (tls_files && entry.transport != Transport::tls) {
    throw ConfigError(
        "ClusterOptions::node: ca_file, cert_file and key_file are for TLS; the seeds must begin "
        "with rediss://");
  }
}

class ClusterTier final : public BackendTier {
 public:
  ClusterTier(const std::shared_ptr<Cluster>& cluster, const RedisOptions& node, bool replica_reads,
              const std::shared_ptr<Runtime>& runtime)
      : BackendTier(runtime, std::make_shared<TierContext>(cluster, node, runtime->clock(), Naming::cluster)),
        cluster_(cluster),
        replica_reads_(replica_reads),
        sharing_(context_, std::make_shared<PrimaryWatches>(runtime->clock(), context_)) {
    cluster_->start([watches = sharing_.watches()](const auto& primaries) { watches->follow(primaries); });
  }
  ~ClusterTier() override { BackendTier::close(); }

  [[nodiscard]] std::string_view name() const noexcept override { return "redis-cluster"; }
  [[nodiscard]] SharedTier* shared() noexcept override { return &sharing_; }
  [[nodiscard]] bool may_lag() const noexcept override { return replica_reads_; }
  [[nodiscard]] ClusterStatus status() const { return cluster_->status(); }

  [[nodiscard]] TierStats stats() const override {
    TierStats stats = BackendTier::stats();
    const ClusterStatus cluster = cluster_->status();
    stats.breaker_open = false;
    if (cluster.refreshes + cluster.failed_refreshes == 0) return stats;
    stats.reachable = cluster.slots_covered == slot_count;
    for (const auto& node : cluster.nodes) {
      if (!node.primary) continue;
      stats.reachable = *stats.reachable && node.connection.connected;
      stats.breaker_open = *stats.breaker_open || node.connection.breaker_open;
    }
    return stats;
  }

 private:
  void sweep(std::string prefix, std::string pattern, TimePoint deadline,
             Handler<Result<Swept>> done) override {
    std::make_shared<ClusterSweep>(cluster_, context_, std::move(prefix), std::move(pattern), deadline,
                                   std::move(done))
        ->start();
  }
  [[nodiscard]] std::function<void()> ending() const override {
    return [cluster = cluster_, watches = sharing_.watches()] {
      cluster->shut_down();
      watches->shut_down();
    };
  }

  const std::shared_ptr<Cluster> cluster_;
  const bool replica_reads_;
  ClusterSharing sharing_;
};

}  // namespace

std::shared_ptr<Tier> make_cluster_tier(ClusterOptions options, std::shared_ptr<Runtime> runtime) {
  const auto entry = parse_seeds(options.seeds);
  check(options, entry);
  if (!runtime) throw ConfigError("make_cluster_tier: the runtime is null");
  const RedisOptions node = options.node;
  const bool replica_reads = options.replica_reads;
  const auto cluster = std::make_shared<Cluster>(outside_of(*runtime), std::move(options), entry);
  return make_at_home<ClusterTier>(cluster, node, replica_reads, runtime);
}

std::optional<ClusterStatus> cluster_status(const Tier& tier) {
  const auto* cluster = dynamic_cast<const ClusterTier*>(&tier);
  return cluster != nullptr ? std::optional(cluster->status()) : std::nullopt;
}

}  // namespace terrace
