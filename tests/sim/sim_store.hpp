#pragma once
/// SimStore: the databases of a simulated Redis server, with expiry by the server's own clock.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <terrace/clock.hpp>
#include <vector>

namespace terrace::sim {

/// The wall clock of a server: another clock, plus a difference; it can stand still (a virtual machine that is
/// paused or moved without a step of its clock).
class ServerClock {
 public:
  explicit ServerClock(const Clock& clock) : clock_(clock) {}
  /// Milliseconds since the Unix epoch.
  [[nodiscard]] std::int64_t now() const { return stopped_at_.value_or(running()); }
  void skew(std::chrono::milliseconds by) { skew_ += by.count(); }
  void stop() { stopped_at_ = now(); }
  /// It goes on from where it stood.
  void start() {
    if (stopped_at_) skew_ -= running() - *stopped_at_;
    stopped_at_.reset();
  }

 private:
  [[nodiscard]] std::int64_t running() const { return clock_.wall_now().time_since_epoch().count() + skew_; }
  const Clock& clock_;
  std::int64_t skew_ = 0;
  std::optional<std::int64_t> stopped_at_;
};

struct Entry {
  std::string value = {};
  std::optional<std::set<std::string>> members = {};  ///< it is a set, a type that terrace does not use
  std::optional<std::int64_t> expires = {};           ///< by the clock of the server

  bool operator==(const Entry&) const = default;
};
using Database = std::map<std::string, Entry, std::less<>>;
using Databases = std::vector<Database>;

/// What a write has changed. A primary sends these to its replicas.
struct Change {
  enum class Kind { key, cleared, cleared_all, swapped };
  Kind kind = Kind::key;
  std::size_t database = 0;
  std::size_t other = 0;  ///< swapped with this one
  std::string key = {};
  std::optional<Entry> entry = {};  ///< what the key holds now; none: it is gone
};

class SimStore {
 public:
  static constexpr std::size_t count = 16;

  SimStore(const ServerClock& clock, std::function<void(const Change&)> changed)
      : clock_(clock), changed_(std::move(changed)), databases_(count) {}

  /// A primary removes what has expired. A replica hides it, and waits for its primary.
  bool removes_expired = true;

  /// What lives under the key. The first access after its expiry removes a key.
  const Entry* find(std::size_t database, std::string_view key);
  void put(std::size_t database, std::string_view key, Entry entry);
  bool remove(std::size_t database, std::string_view key);
  void clear(std::size_t database);
  void clear_all();
  void swap(std::size_t one, std::size_t other);
  /// Removes all that has expired.
  void expire();
  /// Does what another store has done.
  void apply(const Change& change);

  [[nodiscard]] const Databases& databases() const noexcept { return databases_; }
  /// Without a word to anybody: what a server reads when it starts.
  void load(Databases databases) { databases_ = std::move(databases); }
  [[nodiscard]] std::int64_t now() const { return clock_.now(); }

 private:
  [[nodiscard]] bool expired(const Entry& entry) const {
    return entry.expires && *entry.expires <= clock_.now();
  }

  const ServerClock& clock_;
  std::function<void(const Change&)> changed_;
  Databases databases_;
};

}  // namespace terrace::sim
