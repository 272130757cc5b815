#pragma once
/// SharedMapTier: a map that several caches share like processes that share a Redis server, with leases and a
/// watch whose events a test can delay or drop.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <terrace/shared_tier.hpp>
#include <terrace/testing/tiers.hpp>
#include <vector>

namespace terrace::testing {

/// Every handler is called inside the call, watchers inside the call that changes something. Thread safe.
class SharedMapTier final : public MapTier, public SharedTier {
 public:
  explicit SharedMapTier(const Clock& clock = system_clock()) : MapTier(clock), clock_(&clock) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "shared"; }
  [[nodiscard]] SharedTier* shared() noexcept override { return this; }

  void get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) override;
  void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
           Handler<Result<void>> done) override;
  void set_many(std::vector<TierWrite> writes, TimePoint deadline,
                Handler<std::vector<Result<void>>> done) override;
  void erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) override;
  void erase_prefix(std::string_view prefix, TimePoint deadline,
                    Handler<Result<std::uint64_t>> done) override;
  void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                  Handler<Result<std::uint64_t>> done) override;

  void compare_and_set_many(std::vector<TierSwap> writes, TimePoint deadline,
                            Handler<std::vector<Result<bool>>> done) override;

  using SharedTier::acquire;
  using SharedTier::release;
  void acquire(std::string_view key, const LeaseRequest& request, TimePoint deadline,
               Handler<Result<LeaseReply>> done) override;
  void fill(std::string_view key, const LeaseToken& token, BytesView value, std::optional<Duration> ttl,
            TimePoint deadline, Handler<Result<bool>> done) override;
  void renew(std::string_view key, const LeaseToken& token, Duration lease_time, TimePoint deadline,
             Handler<Result<bool>> done) override;
  void release(std::string_view key, const LeaseToken& token, LeaseEnd end, TimePoint deadline,
               Handler<Result<void>> done) override;
  void get_or_put(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
                  Handler<Result<Bytes>> done) override;
  void get_or_prolong(std::string_view key, BytesView value, std::optional<Duration> life, TimePoint deadline,
                      Handler<Result<Bytes>> done) override;
  void replace(std::string_view key, BytesView expected, BytesView value, std::optional<Duration> ttl,
               TimePoint deadline, Handler<Result<bool>> done) override;
  [[nodiscard]] std::shared_ptr<void> watch(std::vector<std::string> prefixes,
                                            std::shared_ptr<Watcher> watcher) override;

  // --- for tests ---

  /// From now on events wait for deliver(), and the proven time stands still. Without it every event is
  /// reported at once, and everything is proven.
  void hold_events();
  /// Reports the waiting events, in order, and proves the time before; returns how many events.
  std::size_t deliver();
  /// Drops the oldest waiting event: a server makes one notification of two changes that come together.
  void forget_oldest_event();
  /// Calls lost(). Nothing is reported until restore_watch(), which reports nothing of what happened
  /// meanwhile.
  void break_watch();
  void restore_watch();
  /// The effect of FLUSHALL.
  void flush_all();

 private:
  struct Lease {
    LeaseToken token;
    TimePoint until;
    LeaseEnd end = LeaseEnd::untold;  // another one: it is free for all but those who waited for the token
  };
  struct Watch {
    std::vector<std::string> prefixes;
    std::shared_ptr<Watcher> watcher;
  };
  using Event = std::function<void(const Watch&)>;

  [[nodiscard]] std::optional<Error> refuse_write(std::string_view key, std::optional<Duration> ttl,
                                                  TimePoint deadline) const;
  [[nodiscard]] std::optional<Error> refuse_lease(std::string_view key, Duration lease_time,
                                                  TimePoint deadline) const;
  [[nodiscard]] bool holds(std::string_view key, const LeaseToken& token);
  template <class Written>
  void get_or(std::string_view key, std::optional<Duration> ttl, TimePoint deadline, Written written,
              Handler<Result<Bytes>> done);
  void end_leases(std::string_view prefix, const std::function<bool(std::string_view)>& matches);
  void tell(Event event);
  void tell_changed(std::string_view key);
  void tell_lease(std::string_view key);

  const Clock* clock_;
  std::recursive_mutex mutex_;
  std::map<std::string, Lease, std::less<>> leases_;
  std::map<std::uint64_t, std::shared_ptr<Watch>> watches_;
  std::uint64_t last_watch_ = 0;
  bool holding_ = false;
  bool broken_ = false;
  std::deque<Event> waiting_;
};

}  // namespace terrace::testing
