#include <terrace/glob.hpp>
#include <terrace/redis.hpp>

#include "redis/keys.hpp"
#include "redis/scripts.hpp"
#include "redis/shared_redis.hpp"
#include "redis/versioned_redis.hpp"
#include "runtime/io_context.hpp"

namespace terrace {
namespace {

using namespace redis;

constexpr std::size_t redis_value_limit = std::size_t{512} << 20;

void check(const RedisOptions& options) {
  const auto refuse = [](const std::string& why) { throw ConfigError("RedisOptions::" + why); };
  if (options.connect_timeout <= Duration::zero()) refuse("connect_timeout must be more than nothing");
  if (options.open_time <= Duration::zero()) refuse("open_time must be more than nothing");
  if (options.reconnect_cap <= Duration::zero()) refuse("reconnect_cap must be more than nothing");
  if (options.failures_to_open == 0) refuse("failures_to_open is 0; the least is 1");
  if (options.max_value_bytes == 0 || options.max_value_bytes > redis_value_limit) {
    refuse("max_value_bytes is " + std::to_string(options.max_value_bytes) + "; possible are 1 to 536870912");
  }
  if (options.key_prefix.size() > max_key_size) {
    refuse("key_prefix has " + std::to_string(options.key_prefix.size()) + " bytes; at most " +
           std::to_string(max_key_size));
  }
  if (is_reserved(options.key_prefix)) {
    refuse("key_prefix begins with " + std::string(reserved_text) + "; take another");
  }
  if (options.cert_file.empty() != options.key_file.empty()) {
    refuse("cert_file and key_file go together; only one is set");
  }
  const bool tls_files = !options.ca_file.empty() || !options.cert_file.empty();
  if (tls_files && parse_redis_url(options.url).transport != Transport::tls) {
    refuse("ca_file, cert_file and key_file are for TLS; the URL must begin with rediss://");
  }
}

class RedisTier final : public Tier {
 public:
  RedisTier(RedisOptions options, std::shared_ptr<Runtime> runtime)
      : runtime_(std::move(runtime)),
        shared_(std::make_shared<Shared>(
            std::make_shared<Client>(io_context(*runtime_), runtime_->clock(), std::move(options)))),
        sharing_(io_context(*runtime_), shared_),
        versioned_(shared_) {
    shared_->client->start();
  }
  ~RedisTier() override { RedisTier::close(); }

  [[nodiscard]] std::string_view name() const noexcept override { return "redis"; }

  void get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) override {
    if (auto why = encoding().refusal(key, deadline)) return refuse<Found>(std::move(*why), done);
    auto exchange = std::make_unique<Single<Found>>(shared_, 1, std::move(done));
    encoding().get(exchange->payload, key);
    submit(std::move(exchange), deadline);
  }

  void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
           Handler<Result<void>> done) override {
    const TierWrite write{key, value, ttl};
    if (auto why = encoding().refusal(write, deadline)) return refuse<void>(std::move(*why), done);
    auto exchange = std::make_unique<Single<void>>(shared_, Encoding::set_commands, std::move(done));
    encoding().set(exchange->payload, write);
    submit(std::move(exchange), deadline);
  }

  void erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) override {
    if (auto why = encoding().refusal(key, deadline)) return refuse<bool>(std::move(*why), done);
    auto exchange = std::make_unique<Single<bool>>(shared_, Encoding::erase_commands, std::move(done));
    encoding().erase(exchange->payload, key);
    submit(std::move(exchange), deadline);
  }

  void get_many(std::vector<std::string_view> keys, TimePoint deadline,
                Handler<std::vector<Result<Found>>> done) override {
    many<Found>(keys, deadline, std::move(done), [this](auto& bulk, std::size_t i, std::string_view key) {
      encoding().get(bulk.add(i, 1), key);
    });
  }

  void set_many(std::vector<TierWrite> writes, TimePoint deadline,
                Handler<std::vector<Result<void>>> done) override {
    many<void>(writes, deadline, std::move(done),
               [this, known = false](auto& bulk, std::size_t i, const TierWrite& write) mutable {
                 if (write.version == 0) return encoding().set(bulk.add(i, Encoding::set_commands), write);
                 encode_versioned_set(bulk.add(i, 1), encoding(), write, std::exchange(known, true));
               });
  }

  void erase_many(std::vector<std::string_view> keys, TimePoint deadline,
                  Handler<std::vector<Result<bool>>> done) override {
    many<bool>(keys, deadline, std::move(done), [this](auto& bulk, std::size_t i, std::string_view key) {
      encoding().erase(bulk.add(i, Encoding::erase_commands), key);
    });
  }

  void erase_prefix(std::string_view prefix, TimePoint deadline,
                    Handler<Result<std::uint64_t>> done) override {
    erase_glob(prefix, "*", deadline, std::move(done));
  }

  void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                  Handler<Result<std::uint64_t>> done) override {
    auto fine = check_glob(pattern);
    if (auto why = encoding().refusal(deadline); fine && why) fine = std::move(*why);
    if (!fine) {
      ++shared_->counters.write_errors;
      return done(fine.error());
    }
    start_sweep(shared_, std::string(prefix), std::string(pattern), deadline, std::move(done));
  }

  [[nodiscard]] SharedTier* shared() noexcept override { return &sharing_; }
  [[nodiscard]] VersionedTier* versioned() noexcept override { return &versioned_; }

  void close() override {
    const auto shut_down = [client = shared_->client, tracking = sharing_.tracking()] {
      client->shut_down();
      tracking->shut_down();
    };
    if (runtime_->on_io_thread()) return shut_down();
    // The latch is shared: who opens it may still be inside open() when this caller goes on.
    auto closed = std::make_shared<Latch>();
    runtime_->post([shut_down, closed] {
      shut_down();
      closed->open();
    });
    runtime_->wait(*closed, no_deadline);
  }

  [[nodiscard]] TierStats stats() const override {
    const Counters& now = shared_->counters;
    TierStats stats;
    stats.hits = now.hits;
    stats.misses = now.misses;
    stats.errors = now.errors;
    stats.writes = now.writes;
    stats.erases = now.erases;
    stats.write_errors = now.write_errors;
    return stats;
  }

  [[nodiscard]] RedisStatus status() const {
    RedisStatus status = shared_->client->status();
    sharing_.tracking()->report(status);
    return status;
  }

 private:
  [[nodiscard]] const Encoding& encoding() const noexcept { return shared_->encoding; }

  template <class T>
  void refuse(Error why, Handler<Result<T>>& done) {
    const Result<T> outcome = std::move(why);
    shared_->counters.count(outcome);
    done(outcome);
  }

  template <class T, class Item, class Encode>
  void many(const std::vector<Item>& items, TimePoint deadline, Handler<std::vector<Result<T>>> done,
            Encode encode) {
    auto bulk = std::make_shared<Bulk<T>>(shared_, items.size(), deadline, std::move(done));
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (auto why = encoding().refusal(items[i], deadline)) {
        bulk->refuse(i, std::move(*why));
      } else {
        encode(*bulk, i, items[i]);
      }
    }
    bulk->start();
  }

  void submit(std::unique_ptr<Exchange> exchange, TimePoint deadline) {
    exchange->deadline = deadline;
    shared_->client->submit(std::move(exchange));
  }

  std::shared_ptr<Runtime> runtime_;
  std::shared_ptr<Shared> shared_;
  SharedRedis sharing_;
  VersionedRedis versioned_;
};

}  // namespace

std::shared_ptr<Tier> make_redis_tier(RedisOptions options, std::shared_ptr<Runtime> runtime) {
  check(options);
  if (!runtime) throw ConfigError("make_redis_tier: the runtime is null");
  return std::make_shared<RedisTier>(std::move(options), std::move(runtime));
}

std::optional<RedisStatus> redis_status(const Tier& tier) {
  const auto* redis = dynamic_cast<const RedisTier*>(&tier);
  return redis != nullptr ? std::optional(redis->status()) : std::nullopt;
}

}  // namespace terrace
