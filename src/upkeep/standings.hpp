#pragma once
/// Standings: where every rule stands for every cache, and the notices that come of it. Not thread safe; time
/// is handed in.

#include <map>
#include <string>
#include <terrace/monitor.hpp>
#include <utility>
#include <vector>

#include "upkeep/alert_state.hpp"
#include "upkeep/rule.hpp"

namespace terrace::upkeep {

/// A moment, on both clocks.
struct Moment {
  TimePoint at;
  WallTime wall;
};

class Standings {
 public:
  /// A rule was judged for a cache: what is to be told.
  std::vector<AlertNotice> judge(const Rule& rule, const std::string& cache, const Rule::Verdict& verdict,
                                 const Moment& now);
  /// The cache is watched no more: what fires for it recovers.
  std::vector<AlertNotice> forget(const std::string& cache, const Moment& now);
  /// What fires or is broken, in the order of the rules.
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
