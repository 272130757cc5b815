/// The nodes of a cluster, and the queries for its slots.

#include <algorithm>
#include <boost/asio/post.hpp>

#include "redis/cluster.hpp"
#include "redis/server_error.hpp"
#include "redis/slots_reply.hpp"
#include "runtime/tls.hpp"

namespace terrace::redis {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

/// After this time another node is asked.
constexpr Duration answer_limit = 500ms;
/// How long the client of a node that left is kept, for owed replies.
constexpr Duration farewell = 1s;

std::string label_of(const std::vector<Address>& seeds) {
  std::string text = "cluster ";
  for (const Address& seed : seeds) text += (text.back() == ' ' ? "" : ",") + seed.text();
  return text;
}

std::vector<std::string> hosts_of(const std::vector<Address>& seeds) {
  std::vector<std::string> hosts;
  for (const Address& seed : seeds) hosts.push_back(seed.host);
  return hosts;
}

/// Made once: the files may be gone, or partly written, when a node is met later.
std::shared_ptr<asio::ssl::context> tls_of(const ClusterOptions& options, const ClusterEntry& entry) {
  if (entry.transport != Transport::tls) return nullptr;
  const RedisOptions& node = options.node;
  return std::make_shared<asio::ssl::context>(
      make_tls_context("RedisOptions", node.ca_file, node.cert_file, node.key_file));
}

}  // namespace

/// CLUSTER SLOTS.
class Cluster::Question final : public Exchange {
 public:
  Question(std::shared_ptr<Cluster> cluster, Address asked)
      : cluster_(std::move(cluster)), asked_(std::move(asked)), reply_(asked_) {
    add_command(payload, {"CLUSTER", "SLOTS"});
    reads = true;
  }
  void on_node(std::size_t, const Node& reply) override {
    if (!is_error(reply)) return reply_.take(reply);
    refused_ = server_error(reply.value, asked_.text());
    if (reply.value.find("cluster support disabled") != std::string_view::npos) {
      refused_ = Error(Errc::unavailable, "Redis " + asked_.text() +
                                              " is not a node of a cluster; use make_redis_tier, redis://");
    }
  }
  void on_end(const Error* failure) override {
    if (failure != nullptr) refused_ = *failure;
    if (refused_) return cluster_->heard(asked_, *refused_);
    auto ranges = reply_.ranges();
    if (!ranges) {
      return cluster_->heard(
          asked_,
          Error(Errc::corrupt, "Redis " + asked_.text() +
                                   ": a reply to CLUSTER SLOTS of an unexpected form, or of more than " +
                                   std::to_string(most_nodes) + " nodes"));
    }
    cluster_->heard(asked_, *std::move(ranges));
  }

 private:
  std::shared_ptr<Cluster> cluster_;
  const Address asked_;
  SlotsReply reply_;
  std::optional<Error> refused_;
};

Cluster::Cluster(asio::io_context& io, const Clock& clock, ClusterOptions options, ClusterEntry entry)
    : io_(io),
      clock_(clock),
      options_(std::move(options)),
      entry_(std::move(entry)),
      allowed_(hosts_of(entry_.seeds), joined(options_.node.allowed_hosts, entry_.allowed_hosts)),
      label_(label_of(entry_.seeds)),
      tls_(tls_of(options_, entry_)),
      timer_(io),
      random_(random_seed()),
      refresh_error_(Errc::unavailable, "Redis " + label_ + ": no node has answered yet"),
      topology_(clock.now(), entry_.seeds, random_seed()) {}

void Cluster::start(std::function<void(const Clients&)> primaries_changed) {
  asio::post(io_, [self = shared_from_this(), hook = std::move(primaries_changed)]() mutable {
    if (self->closed()) return;
    self->primaries_changed_ = std::move(hook);
    self->tick();
  });
}

// ---- Nodes

std::shared_ptr<Client> Cluster::node(const Address& address) {
  Peer& peer = nodes_[address];
  peer.gone_since.reset();
  if (!peer.client) {
    RedisUrl url;
    url.transport = entry_.transport;
    url.user = entry_.user;
    url.password = entry_.password;
    url.host = address.host;
    url.port = std::to_string(address.port);
    const auto manner = options_.replica_reads ? Client::Manner::reads_replica : Client::Manner::cluster_node;
    peer.client = std::make_shared<Client>(io_, clock_, options_.node, std::move(url), manner, tls_);
    peer.client->start();
  }
  return peer.client;
}

std::shared_ptr<Client> Cluster::pick(Slot slot, bool reads) {
  if (reads && options_.replica_reads) {
    if (const auto& replicas = topology_.replicas_of(slot); !replicas.empty()) {
      return node(replicas[++turn_ % replicas.size()]);
    }
  }
  const Address* primary = topology_.primary_of(slot);
  return primary != nullptr ? node(*primary) : nullptr;
}

Cluster::Clients Cluster::primaries_locked() {
  Clients clients;
  if (closed_) return clients;
  for (const Address& address : topology_.primaries()) clients.emplace(address, node(address));
  return clients;
}

Cluster::Clients Cluster::primaries() {
  const std::lock_guard lock(mutex_);
  return primaries_locked();
}

// ---- Refreshes

void Cluster::want_refresh(const std::shared_ptr<Client>& suspect) {
  {
    const std::lock_guard lock(mutex_);
    if (suspect) {
      const auto found = std::find_if(nodes_.begin(), nodes_.end(),
                                      [&](const auto& node) { return node.second.client == suspect; });
      if (found != nodes_.end()) topology_.suspect(found->first);
    }
    topology_.want(clock_.now());
  }
  tick();
}

void Cluster::tick() {
  const TimePoint now = clock_.now();
  std::optional<Address> asked;
  std::shared_ptr<Client> client;
  TimePoint due;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    asked = topology_.ask(now);
    if (asked) client = node(*asked);
    due = topology_.due();
  }
  if (asked) {
    auto question = std::make_unique<Question>(shared_from_this(), *asked);
    question->deadline = after(now, std::min(answer_limit, options_.node.connect_timeout));
    client->submit(std::move(question));
  }
  arm(due);
}

void Cluster::arm(TimePoint when) {
  if (when >= armed_) return;
  armed_ = when;
  timer_.expires_at(when);
  timer_.async_wait([self = shared_from_this()](const ErrorCode& ec) {
    if (ec || self->closed()) return;
    self->armed_ = no_deadline;
    self->unpark_due(self->clock_.now());
    if (!self->parked_.empty()) self->arm(self->parked_.begin()->first);
    self->tick();
  });
}

/// Leaves out nodes on hosts that are not allowed. The lock must be held.
std::vector<SlotRange> Cluster::take_allowed(const Address& from, std::vector<SlotRange> ranges) {
  refused_host_.reset();
  const auto strange = [&](const Address& node) {
    if (allowed_.contain(node.host)) return false;
    if (!refused_host_) refused_host_ = host_not_allowed(from.text(), node.host);
    ++counts_.refused_hosts;
    return true;
  };
  // If a primary is not allowed, its replicas are of no use either.
  std::erase_if(ranges, [&](const SlotRange& range) { return strange(range.nodes.front()); });
  for (SlotRange& range : ranges) std::erase_if(range.nodes, strange);
  return ranges;
}

void Cluster::heard(const Address& from, const Result<std::vector<SlotRange>>& outcome) {
  const TimePoint now = clock_.now();
  bool succeeded = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    if (outcome) {
      succeeded = topology_.answered(now, from, take_allowed(from, *outcome));
      if (refused_host_) counts_.last_refresh_error = refused_host_->context;
    } else {
      topology_.unanswered(now, from);
    }
    if (!succeeded) {
      refresh_error_ = outcome && refused_host_ ? *refused_host_
                       : outcome ? Error(Errc::unavailable, "Redis " + from.text() + " knows of no slots")
                                 : outcome.error();
      counts_.last_refresh_error = refresh_error_.context;
    }
    if (!succeeded && topology_.refreshing()) {
      asio::post(io_, [self = shared_from_this()] { self->tick(); });
      return;
    }
  }
  if (succeeded) renew_nodes(now);
  unpark_refreshed(succeeded);
  tick();
}

/// After a refresh: the watch follows the primaries, and the clients of nodes that left are released.
void Cluster::renew_nodes(TimePoint now) {
  Clients current;
  std::vector<std::shared_ptr<Client>> left;
  {
    const std::lock_guard lock(mutex_);
    current = primaries_locked();
    for (auto at = nodes_.begin(); at != nodes_.end();) {
      Peer& peer = at->second;
      if (topology_.nodes().contains(at->first)) {
        peer.gone_since.reset();
      } else if (!peer.gone_since) {
        peer.gone_since = now;
      } else if (now - *peer.gone_since >= farewell) {
        left.push_back(std::move(peer.client));
        at = nodes_.erase(at);
        continue;
      }
      ++at;
    }
  }
  if (current != watched_ && primaries_changed_) {
    watched_ = current;
    const auto tell = primaries_changed_;  // a watcher may close the tier inside the call
    tell(current);
  }
  for (const auto& client : left) client->shut_down();
}

ClusterStatus Cluster::status() const {
  const std::lock_guard lock(mutex_);
  ClusterStatus status = counts_;
  const auto primaries = topology_.primaries();
  for (const auto& [address, peer] : nodes_) {
    status.nodes.push_back({address.text(), primaries.contains(address), peer.client->status()});
  }
  status.slots_covered = topology_.slots_covered();
  status.refreshes = topology_.refreshes();
  status.failed_refreshes = topology_.failed_refreshes();
  return status;
}

}  // namespace terrace::redis
