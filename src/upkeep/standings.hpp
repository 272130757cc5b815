#pragma once
/// Standings: the state of every rule for every cache, and the resulting notifications. Not thread safe; time
/// is a parameter.

#include <map>
#include <string>
#include <terrace/monitor.hpp>
#include <utility>
#include <vector>

#include "upkeep/alert_state.hpp"
#include "upkeep/rule.hpp"

namespace terrace::upkeep {

/// One moment, on both clocks.
struct Moment {
  TimePoint at;
  WallTime wall;
};

class Standings {
 public:
  /// A rule was evaluated for a cache: returns the notifications to send.
  std::vector<AlertNotice> judge(const Rule& rule, const std::string& cache, const Rule::Verdict& verdict,
                                 const Moment& now);
  /// The cache is no longer watched: its alerts recover.
  std::vector<AlertNotice> forget(const std::string& cache, const Moment& now);
  /// The rules that fire or are broken, in the order of the rules.
  [[nodiscard]] std::vector<ActiveAlert> active(const std::vector<std::shared_ptr<Rule>>& rules) const;

 private:
  struct Standing {
    AlertState state = {};
    Severity severity = Severity::warning;
    std::string message = {};
    std::string trouble = {};  // why it is broken
    Moment fired{}, broke{};
  };
  static AlertNotice notice(const std::string& rule, const std::string& cache, const Standing& standing,
                            AlertNotice::Kind kind, const Moment& now);

  std::map<std::pair<std::string, std::string>, Standing> of_;  // by cache and rule
};

}  // namespace terrace::upkeep
