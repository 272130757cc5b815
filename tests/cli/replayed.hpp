#pragma once
/// Replayed: what `terrace replay --json` told.

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "cli/program.hpp"

namespace terrace::cli_test {

using Words = std::vector<std::string>;

inline const std::string golden_trace = TERRACE_GOLDEN_TRACE;
inline constexpr std::uint64_t golden_requests = 4000;
inline constexpr std::uint64_t golden_keys =
    707;  // `cut -d, -f2 golden.csv | sort -u | wc -l`, without the header

struct Replayed {
  Ended ended;
  boost::json::value json;

  [[nodiscard]] std::uint64_t number(const char* field) const {
    return json.at(field).to_number<std::uint64_t>();
  }
  [[nodiscard]] const boost::json::value& level(std::size_t i) const {
    return json.at("levels").as_array().at(i);
  }
  [[nodiscard]] std::uint64_t level_number(std::size_t i, const char* field) const {
    return level(i).at(field).to_number<std::uint64_t>();
  }
};

inline Replayed replay(Words arguments, const std::string& input = "/dev/null", int code = 0) {
  arguments.insert(arguments.begin(), "replay");
  arguments.emplace_back("--json");
  Replayed replayed{terrace(arguments, input), nullptr};
  EXPECT_EQ(replayed.ended.code, code) << replayed.ended.err;
  boost::system::error_code unreadable;
  replayed.json = boost::json::parse(replayed.ended.out, unreadable);
  if (unreadable) throw std::runtime_error("no JSON: " + replayed.ended.out + replayed.ended.err);
  return replayed;
}

/// Every request is counted once: as a hit of one level, as joined, as a load or as an error.
inline void expect_to_add_up(const Replayed& replayed) {
  std::uint64_t level_hits = 0;
  for (const auto& level : replayed.json.at("levels").as_array()) {
    level_hits += level.at("hits").to_number<std::uint64_t>();
  }
  EXPECT_EQ(replayed.number("hits"), level_hits + replayed.number("joined"));
  EXPECT_EQ(replayed.number("requests"),
            replayed.number("hits") + replayed.number("loads") + replayed.number("errors"));
  EXPECT_EQ(replayed.number("wrong_values"), 0U);
}

}  // namespace terrace::cli_test
