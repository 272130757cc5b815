#pragma once
/// SlowTier: a shared tier in memory whose operations take their random time on the way there and on the way
/// back, so that those of several callers mix in every order. For one thread, on a FakeScheduler.

#include <memory>
#include <random>
#include <string>
#include <terrace/testing.hpp>
#include <vector>

namespace terrace::testing {

class SlowTier final : public Tier, public SharedTier {
 public:
  SlowTier(std::shared_ptr<FakeScheduler> scheduler, std::mt19937_64& random, Duration longest)
      : scheduler_(std::move(scheduler)), random_(&random), longest_(longest), below_(scheduler_->clock()) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "slow"; }
  [[nodiscard]] Scope scope() const noexcept override { return below_.scope(); }
  [[nodiscard]] SharedTier* shared() noexcept override { return this; }
  void close() override { below_.close(); }
  [[nodiscard]] TierStats stats() const override { return below_.stats(); }

  void get(std::string_view key, TimePoint limit, Handler<Result<Found>> done) override {
    slow<Result<Found>>(std::move(done), [this, key = std::string(key), limit](auto told) {
      below_.get(key, limit, std::move(told));
    });
  }
  void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint limit,
           Handler<Result<void>> done) override {
    slow<Result<void>>(std::move(done), [=, this, key = std::string(key), value = Bytes(value)](auto told) {
      below_.set(key, value, ttl, limit, std::move(told));
    });
  }
  void erase(std::string_view key, TimePoint limit, Handler<Result<bool>> done) override {
    slow<Result<bool>>(std::move(done), [this, key = std::string(key), limit](auto told) {
      below_.erase(key, limit, std::move(told));
    });
  }
  void get_many(std::vector<std::string_view> keys, TimePoint limit,
                Handler<std::vector<Result<Found>>> done) override {
    slow<std::vector<Result<Found>>>(std::move(done), [this, keys = copies(keys), limit](auto told) {
      below_.get_many({keys.begin(), keys.end()}, limit, std::move(told));
    });
  }
  void set_many(std::vector<TierWrite> writes, TimePoint limit,
                Handler<std::vector<Result<void>>> done) override {
    std::vector<std::pair<std::string, Bytes>> bytes;
    for (const TierWrite& write : writes) bytes.emplace_back(write.key, write.value);
    slow<std::vector<Result<void>>>(std::move(done), [this, writes, bytes, limit](auto told) mutable {
      for (std::size_t i = 0; i < writes.size(); ++i) {
        writes[i].key = bytes[i].first;
        writes[i].value = bytes[i].second;
      }
      below_.set_many(writes, limit, std::move(told));
    });
  }
  void erase_many(std::vector<std::string_view> keys, TimePoint limit,
                  Handler<std::vector<Result<bool>>> done) override {
    slow<std::vector<Result<bool>>>(std::move(done), [this, keys = copies(keys), limit](auto told) {
      below_.erase_many({keys.begin(), keys.end()}, limit, std::move(told));
    });
  }
  void erase_prefix(std::string_view prefix, TimePoint limit, Handler<Result<std::uint64_t>> done) override {
    slow<Result<std::uint64_t>>(std::move(done), [this, prefix = std::string(prefix), limit](auto told) {
      below_.erase_prefix(prefix, limit, std::move(told));
    });
  }
  void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint limit,
                  Handler<Result<std::uint64_t>> done) override {
    slow<Result<std::uint64_t>>(
        std::move(done), [this, prefix = std::string(prefix), pattern = std::string(pattern),
                          limit](auto told) { below_.erase_glob(prefix, pattern, limit, std::move(told)); });
  }

  using SharedTier::acquire;
  using SharedTier::release;
  void acquire(std::string_view key, const LeaseRequest& request, TimePoint limit,
               Handler<Result<LeaseReply>> done) override {
    slow<Result<LeaseReply>>(std::move(done), [this, request, limit, key = std::string(key),
                                               stale = Bytes(request.stale)](auto told) {
      LeaseRequest later = request;
      later.stale = stale;
      below_.acquire(key, later, limit, std::move(told));
    });
  }
  void fill(std::string_view key, const LeaseToken& token, BytesView value, std::optional<Duration> ttl,
            TimePoint limit, Handler<Result<bool>> done) override {
    slow<Result<bool>>(std::move(done), [=, this, key = std::string(key), value = Bytes(value)](auto told) {
      below_.fill(key, token, value, ttl, limit, std::move(told));
    });
  }
  void renew(std::string_view key, const LeaseToken& token, Duration time, TimePoint limit,
             Handler<Result<bool>> done) override {
    slow<Result<bool>>(std::move(done), [=, this, key = std::string(key)](auto told) {
      below_.renew(key, token, time, limit, std::move(told));
    });
  }
  void release(std::string_view key, const LeaseToken& token, LeaseEnd end, TimePoint limit,
               Handler<Result<void>> done) override {
    slow<Result<void>>(std::move(done), [=, this, key = std::string(key)](auto told) {
      below_.release(key, token, end, limit, std::move(told));
    });
  }
  void get_or_put(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint limit,
                  Handler<Result<Bytes>> done) override {
    slow<Result<Bytes>>(std::move(done), [=, this, key = std::string(key), value = Bytes(value)](auto told) {
      below_.get_or_put(key, value, ttl, limit, std::move(told));
    });
  }
  void replace(std::string_view key, BytesView expected, BytesView value, std::optional<Duration> ttl,
               TimePoint limit, Handler<Result<bool>> done) override {
    slow<Result<bool>>(std::move(done),
                       [=, this, key = std::string(key), expected = Bytes(expected), value = Bytes(value)](
                           auto told) { below_.replace(key, expected, value, ttl, limit, std::move(told)); });
  }
  [[nodiscard]] std::shared_ptr<void> watch(std::vector<std::string> prefixes,
                                            std::shared_ptr<Watcher> watcher) override {
    return below_.watch(std::move(prefixes), std::move(watcher));
  }

 private:
  static std::vector<std::string> copies(const std::vector<std::string_view>& keys) {
    return {keys.begin(), keys.end()};
  }

  [[nodiscard]] TimePoint soon() {
    return scheduler_->clock().now() + Duration(std::int64_t((*random_)() % std::uint64_t(longest_.count())));
  }

  template <class T, class Act>
  void slow(Handler<T> done, Act act) {
    Handler<T> back = [this, done = std::move(done)](T told) mutable {
      scheduler_->call_at(
          soon(), [done = std::move(done), told = std::move(told)]() mutable { done(std::move(told)); });
    };
    scheduler_->call_at(soon(),
                        [act = std::move(act), back = std::move(back)]() mutable { act(std::move(back)); });
  }

  const std::shared_ptr<FakeScheduler> scheduler_;
  std::mt19937_64* const random_;
  const Duration longest_;
  SharedMapTier below_;
};

}  // namespace terrace::testing
