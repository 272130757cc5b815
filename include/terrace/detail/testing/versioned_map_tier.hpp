#pragma once
/// VersionedMapTier: a map that is one node of a replicated tier, and can forget as servers do.

#include <map>
#include <mutex>
#include <string>
#include <terrace/detail/testing/tiers.hpp>
#include <terrace/versioned_tier.hpp>
#include <utility>
#include <vector>

namespace terrace::testing {

/// Every handler is called inside the call. Thread safe.
class VersionedMapTier final : public MapTier, public VersionedTier {
 public:
  explicit VersionedMapTier(const Clock& clock = system_clock()) : MapTier(clock), clock_(&clock) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "versioned map"; }
  [[nodiscard]] VersionedTier* versioned() noexcept override { return this; }

  void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
           Handler<Result<void>> done) override;
  void set_many(std::vector<TierWrite> writes, TimePoint deadline,
                Handler<std::vector<Result<void>>> done) override;
  void erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) override;
  void erase_prefix(std::string_view prefix, TimePoint deadline,
                    Handler<Result<std::uint64_t>> done) override;
  void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                  Handler<Result<std::uint64_t>> done) override;
  void close() override;

  void read_many(std::vector<std::string_view> keys, TimePoint deadline,
                 Handler<std::vector<Result<Reading>>> done) override;
  void versions_many(std::vector<std::string_view> keys, TimePoint deadline,
                     Handler<std::vector<Result<Written>>> done) override;
  void write_many(std::vector<VersionedWrite> writes, Duration retention, TimePoint deadline,
                  Handler<std::vector<Result<Written>>> done) override;
  void scan(std::string_view from, TimePoint deadline, Handler<Result<ScanPage>> done) override;
  void membership(TimePoint deadline, Handler<Result<Membership>> done) override;
  void take_charge(std::uint64_t token, Duration time, TimePoint deadline,
                   Handler<Result<bool>> done) override;
  void keep_charge(std::uint64_t token, Duration time, TimePoint deadline,
                   Handler<Result<bool>> done) override;
  void purge(std::uint64_t token, TimePoint deadline, Handler<Result<bool>> done) override;
  void admit(std::uint64_t token, Duration time, TimePoint deadline, Handler<Result<bool>> done) override;

  // --- for tests ---

  /// Everything is forgotten, the mark too.
  void restart_empty();
  /// What a server would save: copies (not what was set without a version), mark and charge.
  void take_snapshot();
  /// The last snapshot is all there is, and the node no longer remembers. Without a snapshot: nothing.
  void restart_from_snapshot();
  /// Every key that has a version, and its value unless it is deleted or has expired.
  [[nodiscard]] std::map<std::string, std::pair<Version, Found>> contents();

 private:
  struct Held {
    Version version;
    TimePoint value_expires;
    TimePoint expires;
  };
  struct Pledge {  // the mark, and the charge
    std::uint64_t run = 0;
    TimePoint until = TimePoint::min();
    std::uint64_t token = 0;
  };
  struct Snapshot {
    std::map<std::string, std::pair<Held, Found>> copies;
    Pledge mark;
    Pledge charge;
  };

  [[nodiscard]] const Held* held(std::string_view key);
  [[nodiscard]] Found value(std::string_view key);
  [[nodiscard]] Result<void> store(const TierWrite& write, TimePoint deadline);
  [[nodiscard]] Result<Reading> read(std::string_view key, TimePoint deadline);
  [[nodiscard]] Result<Written> look(std::string_view key, TimePoint deadline);
  [[nodiscard]] Result<Written> write(const VersionedWrite& write, Duration retention, TimePoint deadline);
  [[nodiscard]] Membership standing() const;
  [[nodiscard]] bool in_charge() const;
  [[nodiscard]] bool in_charge(std::uint64_t token) const { return in_charge() && charge_.token == token; }
  template <class Do>
  void maintain(Duration time, TimePoint deadline, Handler<Result<bool>> done, Do act);
  void forget();

  const Clock* clock_;
  std::mutex mutex_;
  std::map<std::string, Held, std::less<>> held_;
  std::uint64_t run_ = 1;
  Pledge mark_;
  Pledge charge_;
  Snapshot snapshot_;
};

}  // namespace terrace::testing
