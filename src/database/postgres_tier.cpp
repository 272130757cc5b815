#include <terrace/glob.hpp>

#include "base/fork.hpp"
#include "base/tier_check.hpp"
#include "database/postgres_operations.hpp"
#include "runtime/io_context.hpp"

namespace terrace {
namespace {

using namespace postgres;

/// Purges after every interval, as long as the tier is there.
void purge_later(const std::shared_ptr<Shared>& shared) {
  const TimePoint when = after(shared->client->clock().now(), shared->client->options().purge_interval);
  shared->runtime->call_at(when, [weak = std::weak_ptr(shared)] {
    const auto there = weak.lock();
    if (!there) return;
    start_purge(there, [weak](bool open) {
      if (const auto still = weak.lock(); still && open) purge_later(still);
    });
  });
}

class PostgresTierImpl final : public PostgresTier {
 public:
  PostgresTierImpl(PostgresOptions options, std::shared_ptr<Runtime> runtime)
      : shared_(std::make_shared<Shared>()) {
    shared_->client = std::make_shared<Client>(*runtime, std::move(options));
    shared_->runtime = std::move(runtime);
    shared_->client->start();
    purge_later(shared_);
  }
  ~PostgresTierImpl() override { PostgresTierImpl::close(); }

  [[nodiscard]] std::string_view name() const noexcept override { return "postgres"; }
  [[nodiscard]] Scope scope() const noexcept override { return Scope::fleet; }

  void get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) override {
    get_many({key}, deadline, first_of<Found>(std::move(done)));
  }
  void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
           Handler<Result<void>> done) override {
    set_many({{key, value, ttl}}, deadline, first_of<void>(std::move(done)));
  }
  void erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) override {
    erase_many({key}, deadline, first_of<bool>(std::move(done)));
  }

  void get_many(std::vector<std::string_view> keys, TimePoint deadline,
                Handler<std::vector<Result<Found>>> done) override {
    many<Gets>(keys, deadline, std::move(done));
  }
  void set_many(std::vector<TierWrite> writes, TimePoint deadline,
                Handler<std::vector<Result<void>>> done) override {
    many<Sets>(writes, deadline, std::move(done));
  }
  void erase_many(std::vector<std::string_view> keys, TimePoint deadline,
                  Handler<std::vector<Result<bool>>> done) override {
    many<Erases>(keys, deadline, std::move(done));
  }

  void compare_and_set_many(std::vector<TierSwap> writes, TimePoint deadline,
                            Handler<std::vector<Result<bool>>> done) override {
    many<Swaps>(writes, deadline, std::move(done));
  }
  [[nodiscard]] bool has_compare_and_set() const noexcept override { return true; }

  void erase_prefix(std::string_view prefix, TimePoint deadline,
                    Handler<Result<std::uint64_t>> done) override {
    erase_glob(prefix, "*", deadline, std::move(done));
  }
  void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                  Handler<Result<std::uint64_t>> done) override {
    auto fine = check_glob(pattern);
    if (auto why = too_late(deadline); fine && why) fine = std::move(*why);
    if (fine) return start_sweep(shared_, prefix, pattern, deadline, std::move(done));
    shared_->counters.count_write(false);
    done(fine.error());
  }

  void close() override {
    const auto client = shared_->client;
    const auto& runtime = shared_->runtime;
    if (client->forked()) return;
    if (runtime->on_io_thread()) return client->shut_down();
    // The latch is shared: the thread that opens it may still be inside open() when this caller continues.
    auto closed = std::make_shared<Latch>();
    runtime->post([client, closed] {
      client->shut_down();
      closed->open();
    });
    runtime->wait(*closed, no_deadline);
  }

  [[nodiscard]] TierStats stats() const override {
    const PostgresStats connections = shared_->client->stats();
    TierStats stats = shared_->counters.stats();
    if (connections.connections > 0) {
      stats.reachable = true;
    } else if (!connections.last_error.empty()) {
      stats.reachable = false;
    }
    return stats;
  }

  [[nodiscard]] PostgresStats postgres_stats() const override {
    PostgresStats stats = shared_->client->stats();
    stats.purged = shared_->purged;
    return stats;
  }

 private:
  [[nodiscard]] const PostgresOptions& options() const noexcept { return shared_->client->options(); }
  [[nodiscard]] std::optional<Error> too_late(TimePoint deadline) const {
    return late(deadline, shared_->client->clock().now());
  }

  template <class T>
  static Handler<std::vector<Result<T>>> first_of(Handler<Result<T>> done) {
    return [done = std::move(done)](std::vector<Result<T>> outcomes) mutable {
      done(std::move(outcomes.front()));
    };
  }

  template <class Operation, class Asked, class Done>
  void many(const std::vector<Asked>& asked, TimePoint deadline, Done done) {
    const auto bulk = std::make_shared<Operation>(shared_, asked.size(), deadline, std::move(done));
    const auto passed = too_late(deadline);
    for (std::size_t i = 0; i < asked.size(); ++i) {
      if (auto why = refusal(asked[i])) {
        bulk->refuse(i, std::move(*why));
      } else if (passed) {
        bulk->refuse(i, *passed);
      } else {
        bulk->add(item(i, asked[i]));
      }
    }
    bulk->start();
  }

  [[nodiscard]] static std::optional<Error> refusal(std::string_view key) { return bad_key(key); }

  [[nodiscard]] std::optional<Error> refusal(const TierWrite& write) const {
    if (auto why = bad_key(write.key)) return why;
    if (auto why = bad_ttl(write.ttl)) return why;
    return bad_value(write.value.size(), options().max_value_bytes);
  }

  [[nodiscard]] std::optional<Error> refusal(const TierSwap& write) const {
    return refusal(TierWrite{write.key, write.value, write.ttl});
  }

  static Item item(std::size_t position, std::string_view key) { return {position, RowKey(key)}; }
  static Item item(std::size_t position, const TierWrite& write) {
    Item made{position, RowKey(write.key), Bytes(write.value), {}, write.version};
    if (write.ttl) made.life_ms = std::chrono::ceil<std::chrono::milliseconds>(*write.ttl).count();
    return made;
  }
  static Item item(std::size_t position, const TierSwap& write) {
    Item made = item(position, TierWrite{write.key, write.value, write.ttl});
    if (write.expected) made.expected = Bytes(*write.expected);
    return made;
  }

  const std::shared_ptr<Shared> shared_;
};

}  // namespace

std::shared_ptr<PostgresTier> make_postgres_tier(PostgresOptions options, std::shared_ptr<Runtime> runtime) {
  if (!runtime) throw ConfigError("make_postgres_tier: the runtime is null");
  return make_at_home<PostgresTierImpl>(std::move(options), std::move(runtime));
}

}  // namespace terrace
