#pragma once
/// FaultyShared: a shared tier for tests that fails, hangs or loses its replies.

#include <terrace/testing.hpp>

namespace terrace {

/// A shared tier with faults: of every operation, or of those the test names.
class FaultyShared final : public testing::OneByOneTier, public SharedTier {
 public:
  using Kind = testing::Fault::Kind;

  explicit FaultyShared(const Clock& clock) : below(clock) {}

  void plan(Kind kind, std::string only = "") {
    kind_ = kind;
    only_ = std::move(only);
  }

  [[nodiscard]] std::string_view name() const noexcept override { return "shared"; }
  [[nodiscard]] Scope scope() const noexcept override { return Scope::fleet; }
  [[nodiscard]] SharedTier* shared() noexcept override { return this; }
  void close() override { below.close(); }
  [[nodiscard]] TierStats stats() const override { return below.stats(); }

  void get(std::string_view key, TimePoint limit, Handler<Result<Found>> done) override {
    spoil("get", std::move(done), [&](auto told) { below.get(key, limit, std::move(told)); });
  }
  void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint limit,
           Handler<Result<void>> done) override {
    spoil("set", std::move(done), [&](auto told) { below.set(key, value, ttl, limit, std::move(told)); });
  }
  void erase(std::string_view key, TimePoint limit, Handler<Result<bool>> done) override {
    spoil("erase", std::move(done), [&](auto told) { below.erase(key, limit, std::move(told)); });
  }
  void erase_prefix(std::string_view prefix, TimePoint limit, Handler<Result<std::uint64_t>> done) override {
    spoil("erase_prefix", std::move(done),
          [&](auto told) { below.erase_prefix(prefix, limit, std::move(told)); });
  }
  void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint limit,
                  Handler<Result<std::uint64_t>> done) override {
    spoil("erase_glob", std::move(done),
          [&](auto told) { below.erase_glob(prefix, pattern, limit, std::move(told)); });
  }
  using SharedTier::acquire;
  using SharedTier::release;
  void acquire(std::string_view key, const LeaseRequest& request, TimePoint limit,
               Handler<Result<LeaseReply>> done) override {
    spoil("acquire", std::move(done),
          [&](auto told) { below.acquire(key, request, limit, std::move(told)); });
  }
  void fill(std::string_view key, const LeaseToken& token, BytesView value, std::optional<Duration> ttl,
            TimePoint limit, Handler<Result<bool>> done) override {
    spoil("fill", std::move(done),
          [&](auto told) { below.fill(key, token, value, ttl, limit, std::move(told)); });
  }
  void renew(std::string_view key, const LeaseToken& token, Duration time, TimePoint limit,
             Handler<Result<bool>> done) override {
    spoil("renew", std::move(done),
          [&](auto told) { below.renew(key, token, time, limit, std::move(told)); });
  }
  void release(std::string_view key, const LeaseToken& token, LeaseEnd end, TimePoint limit,
               Handler<Result<void>> done) override {
    spoil("release", std::move(done),
          [&](auto told) { below.release(key, token, end, limit, std::move(told)); });
  }
  void get_or_put(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint limit,
                  Handler<Result<Bytes>> done) override {
    spoil("get_or_put", std::move(done),
          [&](auto told) { below.get_or_put(key, value, ttl, limit, std::move(told)); });
  }
  /// As get_or_put.
  void get_or_prolong(std::string_view key, BytesView value, std::optional<Duration> life, TimePoint limit,
                      Handler<Result<Bytes>> done) override {
    spoil("get_or_put", std::move(done),
          [&](auto told) { below.get_or_prolong(key, value, life, limit, std::move(told)); });
  }
  void replace(std::string_view key, BytesView expected, BytesView value, std::optional<Duration> ttl,
               TimePoint limit, Handler<Result<bool>> done) override {
    spoil("replace", std::move(done),
          [&](auto told) { below.replace(key, expected, value, ttl, limit, std::move(told)); });
  }
  [[nodiscard]] std::shared_ptr<void> watch(std::vector<std::string> prefixes,
                                            std::shared_ptr<Watcher> watcher) override {
    return below.watch(std::move(prefixes), std::move(watcher));
  }

  testing::SharedMapTier below;

 private:
  template <class T, class Pass>
  void spoil(std::string_view operation, Handler<T> done, Pass pass) {
    const Kind kind = only_.empty() || only_ == operation ? kind_.load() : Kind::none;
    if (kind == Kind::none) return pass(std::move(done));
    if (kind == Kind::hang) return;
    if (kind == Kind::lose_reply) pass(Handler<T>([](const T&) {}));
    done(Error(Errc::unavailable, "away"));
  }

  std::atomic<Kind> kind_{Kind::none};
  std::string only_;
};

}  // namespace terrace
