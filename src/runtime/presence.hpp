#pragma once
/// Presence: tells the log when a server has gone away, and when it is back. Time is handed in; not thread
/// safe.

#include <optional>
#include <string>
#include <string_view>
#include <terrace/clock.hpp>

namespace terrace {

class Presence {
 public:
  /// `server`: as the log names it; without secrets.
  explicit Presence(std::string server) : server_(std::move(server)) {}

  /// An attempt to reach it has succeeded.
  void reached(TimePoint now);
  /// An attempt has failed.
  void missed(TimePoint now, std::string_view why);

  /// The least time between two lines that it is away: one that comes and goes fills no log.
  static constexpr Duration pause = std::chrono::seconds(10);

 private:
  void check() const;

  const std::string server_;
  std::optional<TimePoint> away_since_;
  std::optional<TimePoint> told_;  ///< when the log last heard that it is away
  bool owes_return_ = false;       ///< the log knows that it is away
};

}  // namespace terrace
