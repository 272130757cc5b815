/// Whether docs/metrics.md and the files under ops/ speak of the metrics there are.

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "upkeep/exposition.hpp"

namespace terrace {
namespace {

namespace fs = std::filesystem;

const fs::path root = TERRACE_ROOT;

std::string content(const fs::path& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

std::set<std::string> matches(const std::string& text, const std::regex& pattern) {
  std::set<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at)
    found.insert((*at)[1]);
  return found;
}

class OpsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    testing::EveryMetric every;
    told_ = std::make_unique<testing::Exposition>(every.text());
  }
  static void TearDownTestSuite() { told_.reset(); }

  /// The family of a series: a histogram has three for each.
  static std::string family(const std::string& series) {
    if (told_->families.contains(series)) return series;
    for (const std::string end : {"_bucket", "_sum", "_count"}) {
      if (!series.ends_with(end)) continue;
      const auto found = told_->families.find(series.substr(0, series.size() - end.size()));
      if (found != told_->families.end() && found->second.type == "histogram") return found->first;
    }
    return {};
  }

  static std::unique_ptr<testing::Exposition> told_;
};
std::unique_ptr<testing::Exposition> OpsTest::told_;

TEST_F(OpsTest, TheTableOfMetricsIsComplete) {
  std::map<std::string, std::string> rows;
  std::istringstream lines(content(root / "docs" / "metrics.md"));
  const std::regex row(R"(\| `(\w+)` \| (\w+) \| ([\w, ]+) \| .{10,} \|)");
  for (std::string line; std::getline(lines, line);) {
    std::smatch found;
    if (!std::regex_match(line, found, row)) continue;
    EXPECT_TRUE(rows.emplace(found[1], found[2].str() + ": " + found[3].str()).second)
        << found[1] << " is there twice";
  }
  EXPECT_GT(rows.size(), 40U);
  for (const auto& [name, family] : told_->families) {
    std::string labels;
    for (const char* label : {"cache", "level", "kind", "cause"}) {
      if (family.labels.contains(label)) labels += (labels.empty() ? "" : ", ") + std::string(label);
    }
    EXPECT_EQ(rows[name], family.type + ": " + labels) << name;
  }
  for (const auto& [name, unused] : rows) EXPECT_TRUE(told_->families.contains(name)) << name;
}

TEST_F(OpsTest, RulesAndBoardNameMetricsThatThereAre) {
  const std::regex metric(R"((?:^|[^:\w])(terrace_\w+))");
  for (const char* name :
       {"prometheus/terrace.rules.yml", "prometheus/terrace.rules.test.yml", "grafana/terrace.json"}) {
    const auto series = matches(content(root / "ops" / name), metric);
    EXPECT_GT(series.size(), 10U) << name;
    for (const std::string& one : series) EXPECT_NE(family(one), "") << one << " in ops/" << name;
  }
}

TEST_F(OpsTest, RecordedNamesThatAreUsedAreRecorded) {
  const std::string rules = content(root / "ops" / "prometheus" / "terrace.rules.yml");
  const auto recorded = matches(rules, std::regex(R"(record: (\S+))"));
  const auto used = matches(rules, std::regex(R"((\w+:terrace_\w+:\w+))"));
  EXPECT_EQ(used, recorded);
}

TEST_F(OpsTest, TheBoardShowsMostMetrics) {
  const auto series =
      matches(content(root / "ops" / "grafana" / "terrace.json"), std::regex(R"((terrace_\w+))"));
  std::set<std::string> shown;
  for (const std::string& one : series) shown.insert(family(one));
  for (const auto& [name, unused] : told_->families) {
    // Of the journal the board shows the lag, which tells when to look at the rest.
    EXPECT_TRUE(name.starts_with("terrace_journal_") || shown.contains(name)) << name;
  }
}

}  // namespace
}  // namespace terrace
