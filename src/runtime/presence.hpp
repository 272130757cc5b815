#pragma once
/// Presence: writes to the log when a server has gone down, and when it is back. Time is a parameter; not
/// thread safe.

#include <optional>
#include <string>
#include <string_view>
#include <terrace/clock.hpp>

namespace terrace {

class Presence {
 public:
  /// `server`: its name for the log, without secrets.
  explicit Presence(std::string server) : server_(std::move(server)) {}

  /// An attempt to reach it has succeeded.
  void reached(TimePoint now);
  /// An attempt has failed.
  void missed(TimePoint now, std::string_view why);

  /// The least time between two lines that it is down, so that an unstable server does not fill the log.
  static constexpr Duration pause = std::chrono::seconds(10);

 private:
  void check() const;

  const std::string server_;
  std::optional<TimePoint> away_since_;
  std::optional<TimePoint> told_;  ///< the time of the last line that it is down
  bool owes_return_ = false;       ///< the log says that it is down
};

}  // namespace terrace
