#pragma once
/// What the suites of versioned_tier.hpp run on: a tier, the time it lives in, and a way to restart what is
/// below it; and blocking calls.

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <terrace/versioned_tier.hpp>
#include <vector>

#include "conformance/ask.hpp"
#include "conformance/tier_conformance.hpp"
#include "support/child_process.hpp"

namespace terrace::conformance {

struct VersionedFixture {
  std::shared_ptr<Tier> tier;
  std::shared_ptr<void> ground;
  const Clock* clock;
  std::function<void(Duration)> advance = {};  ///< of an injected clock
  std::function<void()> snapshot = {};         ///< what is there now is what a restart brings back
  std::function<void()> restart = {};          ///< with the last snapshot, or empty
};

struct VersionedSubject {
  std::string name;
  std::function<VersionedFixture()> make;        ///< cannot restart
  std::function<VersionedFixture()> make_alone;  ///< can
};

inline std::ostream& operator<<(std::ostream& out, const VersionedSubject& subject) {
  return out << subject.name;
}

std::vector<VersionedSubject> versioned_subjects();

constexpr Duration retention = std::chrono::hours(1);

/// Each call under a deadline of 10 s unless told otherwise.
class VersionedCaller {
 public:
  explicit VersionedCaller(const VersionedFixture& on) : tier_(on.tier.get()), clock_(on.clock) {}

  [[nodiscard]] TimePoint in_time() const { return after(clock_->now(), std::chrono::seconds(10)); }
  [[nodiscard]] TimePoint past() const { return clock_->now() - std::chrono::seconds(1); }

  std::vector<Result<Reading>> read_many(std::vector<std::string_view> keys, TimePoint deadline) const {
    return ask<std::vector<Result<Reading>>>(
        [&](auto done) { node().read_many(std::move(keys), deadline, std::move(done)); });
  }
  std::vector<Result<Reading>> read_many(std::vector<std::string_view> keys) const {
    return read_many(std::move(keys), in_time());
  }
  std::vector<Result<Written>> versions_many(std::vector<std::string_view> keys, TimePoint deadline) const {
    return ask<std::vector<Result<Written>>>(
        [&](auto done) { node().versions_many(std::move(keys), deadline, std::move(done)); });
  }
  std::vector<Result<Written>> write_many(std::vector<VersionedWrite> writes, Duration kept,
                                          TimePoint deadline) const {
    return ask<std::vector<Result<Written>>>(
        [&](auto done) { node().write_many(std::move(writes), kept, deadline, std::move(done)); });
  }
  std::vector<Result<Written>> write_many(std::vector<VersionedWrite> writes) const {
    return write_many(std::move(writes), retention, in_time());
  }
  Result<ScanPage> scan(std::string_view from, TimePoint deadline) const {
    return ask<Result<ScanPage>>([&](auto done) { node().scan(from, deadline, std::move(done)); });
  }
  Result<Membership> membership(TimePoint deadline) const {
    return ask<Result<Membership>>([&](auto done) { node().membership(deadline, std::move(done)); });
  }
  Result<bool> take_charge(std::uint64_t token, Duration time, TimePoint deadline) const {
    return ask<Result<bool>>([&](auto done) { node().take_charge(token, time, deadline, std::move(done)); });
  }
  Result<bool> keep_charge(std::uint64_t token, Duration time, TimePoint deadline) const {
    return ask<Result<bool>>([&](auto done) { node().keep_charge(token, time, deadline, std::move(done)); });
  }
  Result<bool> purge(std::uint64_t token, TimePoint deadline) const {
    return ask<Result<bool>>([&](auto done) { node().purge(token, deadline, std::move(done)); });
  }
  Result<bool> admit(std::uint64_t token, Duration time, TimePoint deadline) const {
    return ask<Result<bool>>([&](auto done) { node().admit(token, time, deadline, std::move(done)); });
  }

  // What is expected to succeed.
  [[nodiscard]] Copy read(std::string_view key) const { return read_many({key})[0].value().copy; }
  [[nodiscard]] Version version(std::string_view key) const {
    return versions_many({key}, in_time())[0].value().held;
  }
  Written write(std::string_view key, Version version, std::optional<BytesView> value,
                std::optional<Duration> ttl = {}, Duration kept = retention) const {
    return write_many({{key, version, value, ttl}}, kept, in_time())[0].value();
  }
  [[nodiscard]] Membership membership() const { return membership(in_time()).value(); }
  bool take_charge(std::uint64_t token, Duration time = std::chrono::minutes(1)) const {
    return take_charge(token, time, in_time()).value();
  }
  bool keep_charge(std::uint64_t token, Duration time = std::chrono::minutes(1)) const {
    return keep_charge(token, time, in_time()).value();
  }
  bool purge(std::uint64_t token) const { return purge(token, in_time()).value(); }
  bool admit(std::uint64_t token, Duration time = std::chrono::hours(1)) const {
    return admit(token, time, in_time()).value();
  }

 private:
  [[nodiscard]] VersionedTier& node() const { return *tier_->versioned(); }

  Tier* tier_;
  const Clock* clock_;
};

class VersionedSuite : public ::testing::TestWithParam<VersionedSubject> {
 protected:
  explicit VersionedSuite(VersionedFixture fixture) : fixture_(std::move(fixture)) {}
  void SetUp() override { ASSERT_NE(tier_->versioned(), nullptr); }
  void TearDown() override { tier_->close(); }

  /// Whether this is so once that much time has passed; in real time, somewhat later.
  bool comes(Duration passed, const std::function<bool()>& condition) const {
    if (!fixture_.advance) return testing::eventually(condition);
    fixture_.advance(passed);
    return condition();
  }
  [[nodiscard]] Found get(std::string_view key) const { return plain_.get(key, node_.in_time()).value(); }
  void set(std::string_view key, BytesView value, std::optional<Duration> ttl = {}) const {
    plain_.set(key, value, ttl, node_.in_time()).value();
  }

  VersionedFixture fixture_;
  std::shared_ptr<Tier> tier_ = fixture_.tier;
  Caller plain_{*tier_};
  VersionedCaller node_{fixture_};
};

}  // namespace terrace::conformance
