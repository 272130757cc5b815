#include "sim/ledger.hpp"

#include <algorithm>

namespace terrace::sim {
namespace {

std::string ms(Duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(time).count() / 1000.0) + " ms";
}

}  // namespace

void Ledger::holds(const std::string& place, const std::string& key, std::optional<Version> version,
                   TimePoint now) {
  auto& spans = held_[{place, key}];
  if (!spans.empty() && spans.back().until == no_deadline) {
    if (version == spans.back().version) return;
    spans.back().until = now;
  }
  if (version) spans.push_back({*version, now, no_deadline});
}

std::size_t Ledger::began(Write write) {
  writes_.push_back(std::move(write));
  return writes_.size() - 1;
}

std::string Ledger::judge(const Read& read) const {
  std::string why = overwritten(read);
  if (why.empty() && rules_.bounded && rules_.redis_only && !read.stale) why = too_old(read);
  if (why.empty()) return why;
  return "process " + std::to_string(read.process) + " read version " + std::to_string(read.version) +
         " of " + read.key + " from " + read.level + ": " + why;
}

/// Memory is behind Redis by at most the bound: the value was in Redis, or in the origin, that short ago.
std::string Ledger::too_old(const Read& read) const {
  std::optional<TimePoint> last;
  for (const auto& [where, spans] : held_) {
    if (where.second != read.key) continue;
    for (const Span& span : spans) {
      if (span.version != read.version || span.from > read.ended) continue;
      last = std::max(last.value_or(span.until), span.until);
    }
  }
  if (!last) {  // it was overwritten in the turn of the server that it came in
    const auto write = std::find_if(writes_.begin(), writes_.end(),
                                    [&](const Write& w) { return w.version == read.version; });
    if (write == writes_.end()) return "nobody wrote it";
    last = write->acknowledged.value_or(no_deadline);
  }
  if (*last == no_deadline || read.began - *last <= rules_.bound) return {};
  return "it was last right " + ms(read.began - *last) + " before the read began, the bound is " +
         ms(rules_.bound);
}

/// A write of this key that began after the value's own write had ended, and that was acknowledged long ago.
std::string Ledger::overwritten(const Read& read) const {
  const auto own = std::find_if(writes_.begin(), writes_.end(),
                                [&](const Write& write) { return write.version == read.version; });
  if (!rules_.loads && (own == writes_.end() || !own->acknowledged))
    return {};  // it may take effect at any time
  for (const Write& write : writes_) {
    const auto changed = write.keys.find(read.key);
    if (!write.acknowledged || changed == write.keys.end()) continue;
    const bool later = rules_.loads ? changed->second > read.version : write.began > *own->acknowledged;
    if (!later) continue;
    const bool same = write.process == read.process;
    if (!same && (!rules_.bounded || read.stale)) continue;
    const Duration bound = same ? Duration{} : rules_.bound;
    if (read.began - *write.acknowledged <= bound) continue;
    return std::string(same ? "its own" : "another's") + " change (" +
           (write.version ? "version " + std::to_string(*write.version) : "erase") + ") was acknowledged " +
           ms(read.began - *write.acknowledged) + " before the read began, the bound is " + ms(bound);
  }
  return {};
}

}  // namespace terrace::sim
