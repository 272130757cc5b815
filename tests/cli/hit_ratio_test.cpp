/// Compares `terrace simulate` with published LRU and FIFO figures of real traces: TERRACE_TRACES is a folder
/// that holds them, with hit_ratio.csv (trace,cache_size,policy,hit_ratio). Skipped without it.

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "cli/program.hpp"

namespace terrace::cli_test {
namespace {

namespace fs = std::filesystem;

/// (size, policy) to hit ratio, by trace.
using Figures = std::map<std::string, std::map<std::pair<std::uint64_t, std::string>, double>>;

std::string policy_of(const std::string& published) {
  if (published == "LRU") return "lru";
  return published == "FIFO" ? "fifo" : "";
}

Figures published(const fs::path& file) {
  Figures figures;
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    std::istringstream row(line);
    std::string trace, size, policy, ratio;
    std::getline(row, trace, ',');
    std::getline(row, size, ',');
    std::getline(row, policy, ',');
    std::getline(row, ratio, ',');
    if (!policy_of(policy).empty()) figures[trace][{std::stoull(size), policy_of(policy)}] = std::stod(ratio);
  }
  return figures;
}

std::string sizes_of(const Figures::mapped_type& figures) {
  std::set<std::uint64_t> sizes;
  for (const auto& [cell, ratio] : figures) sizes.insert(cell.first);
  std::string list;
  for (const std::uint64_t size : sizes) list += (list.empty() ? "" : ",") + std::to_string(size);
  return list;
}

fs::path file_of(const fs::path& folder, const std::string& trace) {
  for (const char* ending : {".keys.zst", ".csv.zst", ".keys", ".csv"}) {
    if (fs::path file = folder / (trace + ending); fs::exists(file)) return file;
  }
  return {};
}

TEST(HitRatio, EqualsThePublishedFiguresOfRealTraces) {
  const char* const named = std::getenv("TERRACE_TRACES");
  const fs::path folder = named != nullptr ? named : TERRACE_DEFAULT_TRACES;
  if (!fs::exists(folder / "hit_ratio.csv"))
    GTEST_SKIP() << "no hit_ratio.csv in " << folder << " (TERRACE_TRACES)";
  constexpr double tolerance = 0.0005;
  int compared = 0;
  for (const auto& [trace, figures] : published(folder / "hit_ratio.csv")) {
    const fs::path file = file_of(folder, trace);
    ASSERT_FALSE(file.empty()) << trace;
    const Ended ended = terrace(
        {"simulate", file.string(), "--policy", "lru,fifo", "--entries", sizes_of(figures), "--json"});
    ASSERT_EQ(ended.code, 0) << ended.err;
    const boost::json::value rows = boost::json::parse(ended.out);
    for (const auto& row : rows.as_array()) {
      const std::string policy(row.at("policy").as_string());
      const auto entries = row.at("entries").to_number<std::uint64_t>();
      EXPECT_EQ(row.at("trace").as_string(), trace);
      EXPECT_NEAR(row.at("hit_rate").to_number<double>(), figures.at({entries, policy}), tolerance)
          << trace << ' ' << policy << ' ' << entries;
      ++compared;
    }
  }
  EXPECT_GT(compared, 0);
  RecordProperty("cells", compared);
  std::printf("%d cells compared\n", compared);
}

}  // namespace
}  // namespace terrace::cli_test
