#include "database/sqlite_calls.hpp"

namespace terrace::database {
namespace {

void add(std::atomic<std::uint64_t>& counter, std::uint64_t number) {
  if (number != 0) counter.fetch_add(number, std::memory_order_relaxed);
}

}  // namespace

Checked checked_key(std::string_view key) {
  if (key.empty()) return {{}, Error(Errc::invalid_key, "the key is empty")};
  if (key.size() > max_key_size) {
    return {{},
            Error(Errc::invalid_key, "the key has " + std::to_string(key.size()) + " bytes, at most " +
                                         std::to_string(max_key_size) + " are possible")};
  }
  return {Bytes(key), std::nullopt};
}

void ReadCall::answer(Results results, Counters& counters) {
  std::uint64_t hits = 0;
  std::uint64_t errors = 0;
  for (const auto& result : results) {
    if (!result) {
      ++errors;
    } else if (result->has_value()) {
      ++hits;
    }
  }
  add(counters.hits, hits);
  add(counters.errors, errors);
  add(counters.misses, results.size() - hits - errors);
  done(std::move(results));
}

void ReadCall::answer_all(const Error& error, Counters& counters) {
  Results results;
  results.reserve(keys.size());
  for (const Checked& key : keys) results.emplace_back(key.refused ? *key.refused : error);
  answer(std::move(results), counters);
}

void WriteCall::answer(Results results, Counters& counters) {
  std::uint64_t errors = 0;
  for (const auto& result : results) errors += result ? 0 : 1;
  add(counters.write_errors, errors);
  add(erase ? counters.erases : counters.writes, results.size() - errors);
  done(std::move(results));
}

void WriteCall::answer_all(const Error& error, Counters& counters) {
  Results results;
  results.reserve(items.size());
  for (const Item& item : items) results.emplace_back(item.key.refused ? *item.key.refused : error);
  answer(std::move(results), counters);
}

void SweepCall::answer(Result<std::uint64_t> result, Counters& counters) {
  if (is_purge()) return;
  add(result ? counters.erases : counters.write_errors, result ? *result : 1);
  done(std::move(result));
}

}  // namespace terrace::database
