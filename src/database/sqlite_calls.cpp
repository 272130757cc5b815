#include "database/sqlite_calls.hpp"

#include "base/assert.hpp"
#include "base/tier_check.hpp"

namespace terrace::database {
Checked checked_key(std::string_view key) {
  if (auto why = bad_key(key)) return {{}, std::move(why)};
  return {Bytes(key), std::nullopt};
}

void ReadCall::answer(Results results, TierCounters& counters) {
  TERRACE_ASSERT(results.size() == keys.size() && done);
  counters.count(results);
  done(std::move(results));
}

void ReadCall::answer_all(const Error& error, TierCounters& counters) {
  Results results;
  results.reserve(keys.size());
  for (const Checked& key : keys) results.emplace_back(key.refused ? *key.refused : error);
  answer(std::move(results), counters);
}

void WriteCall::answer(Results results, TierCounters& counters) {
  TERRACE_ASSERT(results.size() == items.size() && done);
  switch (kind) {
    case Kind::set:
      for (const auto& result : results) counters.count_write(result.has_value());
      break;
    case Kind::erase:
      counters.count(results);
      break;
    case Kind::compare_and_set:
      counters.count_swaps(results);
      break;
  }
  done(std::move(results));
}

void WriteCall::answer_all(const Error& error, TierCounters& counters) {
  Results results;
  results.reserve(items.size());
  for (const Item& item : items) results.emplace_back(item.key.refused ? *item.key.refused : error);
  answer(std::move(results), counters);
}

void SweepCall::answer(Result<std::uint64_t> result, TierCounters& counters) {
  if (is_purge()) return;
  counters.count_sweep(result);
  done(std::move(result));
}

}  // namespace terrace::database
