#include "upkeep/standings.hpp"

#include "upkeep/seconds.hpp"

namespace terrace::upkeep {
AlertNotice Standings::notice(const std::string& rule, const std::string& cache, const Standing& standing,
                              AlertNotice::Kind kind, const Moment& now) {
  using Kind = AlertNotice::Kind;
  const bool of_break = kind == Kind::broken || kind == Kind::mended;
  const Moment& since = of_break ? standing.broke : standing.fired;
  AlertNotice out{.kind = kind,
                  .rule = rule,
                  .cache = cache,
                  .severity = standing.severity,
                  .message = kind == Kind::broken ? standing.trouble : standing.message,
                  .since = since.wall,
                  .at = now.wall};
  const std::string after = "after " + seconds_text(now.at - since.at) + ": ";
  if (kind == Kind::recovered || kind == Kind::mended || kind == Kind::repeated)
    out.message = after + out.message;
  return out;
}

std::vector<AlertNotice> Standings::judge(const Rule& rule, const std::string& cache,
                                          const Rule::Verdict& verdict, const Moment& now) {
  Standing& standing = of_[{cache, rule.name()}];
  standing.severity = rule.severity();
  const bool broken = verdict.outcome == AlertState::Outcome::broken;
  (broken ? standing.trouble : standing.message) = verdict.message;
  std::vector<AlertNotice> out;
  for (const AlertNotice::Kind kind : standing.state.judge(rule.terms(), verdict.outcome, now.at)) {
    if (kind == AlertNotice::Kind::fired) standing.fired = now;
    if (kind == AlertNotice::Kind::broken) standing.broke = now;
    out.push_back(notice(rule.name(), cache, standing, kind, now));
  }
  return out;
}

std::vector<AlertNotice> Standings::forget(const std::string& cache, const Moment& now) {
  std::vector<AlertNotice> out;
  const auto begin = of_.lower_bound({cache, ""});
  auto end = begin;
  for (; end != of_.end() && end->first.first == cache; ++end) {
    Standing& standing = end->second;
    standing.message = "the cache is not watched any more";
    using Kind = AlertNotice::Kind;
    const std::string& rule = end->first.second;
    if (standing.state.broken()) out.push_back(notice(rule, cache, standing, Kind::mended, now));
    if (standing.state.firing()) out.push_back(notice(rule, cache, standing, Kind::recovered, now));
  }
  of_.erase(begin, end);
  return out;
}

std::vector<ActiveAlert> Standings::active(const std::vector<std::shared_ptr<Rule>>& rules) const {
  std::vector<ActiveAlert> out;
  for (const auto& rule : rules) {
    for (const auto& [key, standing] : of_) {
      if (key.second != rule->name()) continue;
      const bool broken = standing.state.broken();
      if (!broken && !standing.state.firing()) continue;
      out.push_back({.rule = key.second,
                     .cache = key.first,
                     .severity = standing.severity,
                     .broken = broken,
                     .message = broken ? standing.trouble : standing.message,
                     .since = broken ? standing.broke.wall : standing.fired.wall});
    }
  }
  return out;
}

}  // namespace terrace::upkeep
