#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <list>
#include <map>
#include <random>
#include <set>
#include <unordered_map>

#include "cli/program.hpp"
#include "traces/trace_reader.hpp"

namespace terrace::cli_test {
namespace {

using ::testing::HasSubstr;
using Keys = std::vector<std::string>;

/// The figures of the committed trace, from lists and maps that know nothing of terrace.
double naive_hit_rate(const Keys& keys, std::size_t entries, bool moves_to_front) {
  std::list<std::string> order;
  std::unordered_map<std::string, std::list<std::string>::iterator> where;
  std::size_t hits = 0;
  for (const std::string& key : keys) {
    if (const auto found = where.find(key); found != where.end()) {
      ++hits;
      if (moves_to_front) order.splice(order.begin(), order, found->second);
      continue;
    }
    if (where.size() == entries) {
      where.erase(order.back());
      order.pop_back();
    }
    where[key] = order.insert(order.begin(), key);
  }
  return static_cast<double>(hits) / static_cast<double>(keys.size());
}

Keys keys_of(const std::string& path) {
  traces::TraceReader reader(path);
  traces::Request request;
  Keys keys;
  while (reader.next(request)) keys.emplace_back(request.key);
  return keys;
}

const std::string golden_trace = TERRACE_GOLDEN_TRACE;

TEST(Simulate, EqualsANaiveLruAndFifo) {
  const Keys keys = keys_of(golden_trace);
  ASSERT_EQ(keys.size(), 4000U);
  const Ended ended =
      terrace({"simulate", golden_trace, "--policy", "lru,fifo", "--entries", "1,10,50,200,5000", "--json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const boost::json::value rows = boost::json::parse(ended.out);
  ASSERT_EQ(rows.as_array().size(), 10U);
  for (const auto& row : rows.as_array()) {
    const auto entries = row.at("entries").to_number<std::size_t>();
    const bool lru = row.at("policy").as_string() == "lru";
    EXPECT_DOUBLE_EQ(row.at("hit_rate").to_number<double>(), naive_hit_rate(keys, entries, lru)) << row;
  }
}

TEST(Simulate, JsonHasTheDocumentedFieldsInOrder) {
  const Ended ended =
      terrace({"simulate", golden_trace, "--policy", "s3fifo,ttl", "--entries", "20,40", "--json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  const boost::json::value rows = boost::json::parse(ended.out);
  std::vector<std::string> cells;
  for (const auto& row : rows.as_array()) {
    std::vector<std::string> fields;
    for (const auto& field : row.as_object()) fields.emplace_back(field.key());
    EXPECT_EQ(fields, (std::vector<std::string>{"trace", "policy", "entries", "requests", "hit_rate"}));
    EXPECT_EQ(row.at("trace").as_string(), "golden");
    EXPECT_EQ(row.at("requests").to_number<int>(), 4000);
    cells.push_back(std::string(row.at("policy").as_string()) +
                    std::to_string(row.at("entries").to_number<int>()));
  }
  EXPECT_EQ(cells, (std::vector<std::string>{"s3fifo20", "s3fifo40", "ttl20", "ttl40"}));
}

TEST(Simulate, TreatsEachFileAsATraceAndReadsStandardInput) {
  TempFolder folder;
  const std::string two = folder.file("two.keys", "1\n1\n");
  const std::string three = folder.file("three.keys", "1\n1\n1\n");
  const Ended ended = terrace({"simulate", two, "-", three, "--policy", "lru", "--entries", "5"}, two);
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out,
            "trace  policy  entries  requests  hit rate\n"
            "-----  ------  -------  --------  --------\n"
            "two    lru           5         2   50.00 %\n"
            "stdin  lru           5         2   50.00 %\n"
            "three  lru           5         3   66.67 %\n");
}

TEST(Simulate, ReportsMalformedLinesAndGoesOn) {
  TempFolder folder;
  const std::string path = folder.file("a.keys", "1\n1\nx\n1\n-2\n1\n");
  const Ended ended = terrace({"simulate", path, "--policy", "lru", "--entries", "5", "--json"});
  ASSERT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.err, "terrace: " + path +
                           ": 2 of 6 lines are malformed and left out:\n"
                           "  line 3: not an unsigned 64-bit decimal\n"
                           "  line 5: not an unsigned 64-bit decimal\n");
  EXPECT_THAT(ended.out, HasSubstr("\"requests\":4"));
}

std::map<std::pair<std::string, int>, long> hits_of(const Ended& ended) {
  EXPECT_EQ(ended.code, 0) << ended.err;
  std::map<std::pair<std::string, int>, long> hits;
  const boost::json::value rows = boost::json::parse(ended.out);
  for (const auto& row : rows.as_array()) {
    const double rate = row.at("hit_rate").to_number<double>();
    hits[{std::string(row.at("policy").as_string()), row.at("entries").to_number<int>()}] =
        std::lround(rate * row.at("requests").to_number<double>());
  }
  return hits;
}

TEST(Simulate, BeladyIsTheOptimumOfTheTextbooks) {
  TempFolder folder;
  // Belady, Nelson and Shedler (1969): more room makes FIFO worse, never the optimum.
  const std::string anomaly = folder.file("a.keys", "1\n2\n3\n4\n1\n2\n5\n1\n2\n3\n4\n5\n");
  const auto hits =
      hits_of(terrace({"simulate", anomaly, "--policy", "belady,fifo", "--entries", "3,4", "--json"}));
  EXPECT_EQ(hits.at({"belady", 3}), 12 - 7);
  EXPECT_EQ(hits.at({"belady", 4}), 12 - 6);
  EXPECT_EQ(hits.at({"fifo", 3}), 12 - 9);
  EXPECT_EQ(hits.at({"fifo", 4}), 12 - 10);

  // Silberschatz, Galvin and Gagne, Operating System Concepts, on page replacement; through standard input.
  const std::string pages =
      folder.file("b.keys", "7\n0\n1\n2\n0\n3\n0\n4\n2\n3\n0\n3\n2\n1\n2\n0\n1\n7\n0\n1\n");
  const auto more =
      hits_of(terrace({"simulate", "-", "--policy", "belady,lru", "--entries", "3", "--json"}, pages));
  EXPECT_EQ(more.at({"belady", 3}), 20 - 9);
  EXPECT_EQ(more.at({"lru", 3}), 20 - 12);
}

TEST(Simulate, BeladyInsertsOnEveryMiss) {
  TempFolder folder;
  // One that may leave 2 out would have a hit.
  const std::string path = folder.file("a.keys", "1\n2\n1\n");
  const auto hits = hits_of(terrace({"simulate", path, "--policy", "belady", "--entries", "1,2", "--json"}));
  EXPECT_EQ(hits.at({"belady", 1}), 0);
  EXPECT_EQ(hits.at({"belady", 2}), 1);
}

/// Looks for the entry whose next use is the farthest by reading on, each time.
long naive_optimum(const Keys& keys, std::size_t entries) {
  std::set<std::string> cache;
  long hits = 0;
  for (auto now = keys.begin(); now != keys.end(); ++now) {
    if (cache.contains(*now)) {
      ++hits;
      continue;
    }
    if (cache.size() == entries) {
      cache.erase(std::ranges::max(cache, {},
                                   [&](const std::string& key) { return std::find(now, keys.end(), key); }));
    }
    cache.insert(*now);
  }
  return hits;
}

TEST(Simulate, BeladyEqualsANaiveSearchForTheFarthestUse) {
  const Keys keys = keys_of(golden_trace);
  const auto hits = hits_of(
      terrace({"simulate", golden_trace, "--policy", "belady", "--entries", "1,7,25,5000", "--json"}));
  for (const auto& [cell, count] : hits) {
    EXPECT_EQ(count, naive_optimum(keys, static_cast<std::size_t>(cell.second))) << cell.second;
  }
  EXPECT_EQ(hits.size(), 4U);
}

TEST(Simulate, OnlyASimulationKnowsTheFuture) {
  const Ended ended = terrace({"replay", golden_trace, "--eviction", "belady"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, HasSubstr("--eviction \"belady\" is not known; the policies are adaptive, "));
  EXPECT_THAT(ended.err, HasSubstr(", fifo, ttl\n"));
}

TEST(Simulate, SpreadsSizesOverARange) {
  const auto hits = hits_of(
      terrace({"simulate", golden_trace, "--policy", "lru", "--entries", "10..20480,7,2..4,9..9", "--json"}));
  std::vector<int> sizes;
  for (const auto& [cell, count] : hits) sizes.push_back(cell.second);
  EXPECT_EQ(sizes,
            (std::vector<int>{2, 3, 4, 7, 9, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10240, 20480}));
}

struct Refused {
  std::vector<std::string> arguments;
  std::string says;
};

TEST(Simulate, CurveEstimatesOtherSizes) {
  TempFolder folder;
  std::mt19937_64 random(5);
  std::string lines;
  for (int i = 0; i < 60'000; ++i)
    lines += std::to_string((random() % 4000) * (random() % 4000) / 4000) + '\n';
  const std::string file = folder.file("trace.keys", lines);
  const auto rates = [&](const std::string& entries, bool curve) {
    std::vector<std::string> words{"simulate",  file,    "--policy", "lru,adaptive",
                                   "--entries", entries, "--json"};
    if (curve) words.push_back("--curve");
    const Ended ended = terrace(words);
    EXPECT_EQ(ended.code, 0) << ended.err;
    return boost::json::parse(ended.out).as_array();
  };
  const auto curve = rates("1000", true);
  const auto exact = rates("250,500,1000,2000,4000", false);
  ASSERT_EQ(curve.size(), 10U);
  for (std::size_t i = 0; i < curve.size(); ++i) {
    EXPECT_EQ(curve[i].at("entries"), exact[i].at("entries"));
    EXPECT_NEAR(curve[i].at("hit_rate").as_double(), exact[i].at("hit_rate").as_double(), 0.02) << i;
    EXPECT_EQ(curve[i].as_object().contains("estimated"), i % 5 != 2) << i;
  }
  const Ended table = terrace({"simulate", file, "--policy", "lru", "--entries", "1000", "--curve"});
  EXPECT_EQ(std::count(table.out.begin(), table.out.end(), '~'), 4) << table.out;
}

TEST(Simulate, RefusesWrongArguments) {
  const std::vector<Refused> cases{
      {{"--policy", "lru,belady", "--entries", "5", "--curve"}, "--curve needs the reads of a cache"},
      {{"--policy", "lru,clock", "--entries", "5"},
       "--policy \"clock\" is not known; the policies are adaptive, s3fifo, w-tinylfu, gdsf, lru, lfu, fifo, "
       "ttl, belady\n"},
      {{"--policy", "opt", "--entries", "5"}, "--policy \"opt\" is not known"},
      {{"--entries", "0"}, "--entries 0 is out of range"},
      {{"--entries", "-5"}, "--entries \"-5\" is not a whole number"},
      {{"--entries", "5,"}, "--entries has an empty part"},
      {{"--entries", "9..5"}, "--entries 9..5 runs backwards: write the smaller size first"},
      {{"--entries", "5.."}, "--entries \"\" is not a whole number"},
      {{"--entries", "1..2..3"}, "--entries \"2..3\" is not a whole number"},
      {{"--entries", "0..5"}, "--entries 0 is out of range"},
      {{"--entries", "many"}, "--entries \"many\" is not a whole number"},
      {{"--entries", "99999999999999999999"}, "is out of range: from 1 to 1000000000"},
      {{"--entries", "2000000000"}, "is out of range"},
      {{"--entries", "5", "--format", "xml"}, "--format \"xml\" is not known: give keys, csv or log"},
      {{"--entries", "5", "--max-bad-lines", "lots"}, "--max-bad-lines \"lots\" is not a share"},
      {{"--entries", "5", "--frobnicate"}, "--frobnicate"},
      {{"-", "-", "--entries", "5"}, "only once"},
      {{}, "--entries is required"},
  };
  for (const Refused& refused : cases) {
    std::vector<std::string> arguments{"simulate", golden_trace};
    arguments.insert(arguments.end(), refused.arguments.begin(), refused.arguments.end());
    const Ended ended = terrace(arguments);
    EXPECT_EQ(ended.code, 2) << refused.says;
    EXPECT_THAT(ended.err, HasSubstr(refused.says));
    EXPECT_TRUE(ended.err.starts_with("terrace: ")) << ended.err;
    EXPECT_EQ(ended.out, "");
  }
}

TEST(Simulate, RefusesWrongFiles) {
  TempFolder folder;
  const std::vector<std::pair<std::string, std::string>> cases{
      {folder.path("none.keys"), "No such file"},
      {folder.path(""), "is a folder"},
      {folder.file("empty.keys", ""), "is empty"},
      {folder.file("binary.keys", std::string_view("1\n\0\0\x01", 5)), "binary file"},
      {folder.file("bad.keys", "1\nx\ny\n"), "2 of 3 lines are malformed"},
      {folder.file("what", "hello\n"), "--format keys, csv or log"},
      {folder.file("a.csv", "1,2,3\n"), "line 1"},
  };
  for (const auto& [path, says] : cases) {
    const Ended ended = terrace({"simulate", path, "--entries", "5", "--json"});
    EXPECT_EQ(ended.code, 2) << path;
    EXPECT_THAT(ended.err, HasSubstr(says));
    EXPECT_THAT(ended.err, HasSubstr("terrace: " + path));
    EXPECT_EQ(ended.out, "");
  }
  EXPECT_THAT(terrace({"simulate", "-", "--entries", "5"}).err,
              HasSubstr("terrace: standard input is empty"));
}

TEST(Simulate, RefusesATraceWhileCachesAreStillAtWorkOnIt) {
  TempFolder folder;
  std::string lines;
  for (int i = 0; i < 300'000; ++i) lines += std::to_string(i % 70'000) + '\n';  // a batch, and a part of one
  for (int i = 0; i < 20'000; ++i) lines += "x\n";
  const std::string path = folder.file("bad.keys", lines);
  const Ended ended = terrace({"simulate", path, "--policy", "belady,lru,lfu", "--entries", "5,500,50000"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, HasSubstr("lines are malformed"));
}

TEST(Program, ExplainsItself) {
  EXPECT_THAT(terrace({"--version"}).out, ::testing::MatchesRegex("terrace [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  for (const std::vector<std::string>& arguments :
       {Keys{"--help"}, Keys{"simulate", "--help"}, Keys{"workload", "--help"}}) {
    const Ended ended = terrace(arguments);
    EXPECT_EQ(ended.code, 0);
    EXPECT_THAT(ended.out, HasSubstr("Usage: terrace"));
  }
  const Ended nothing = terrace({});
  EXPECT_EQ(nothing.code, 2);
  EXPECT_THAT(nothing.err, HasSubstr("terrace --help"));
  EXPECT_EQ(terrace({"frobnicate"}).code, 2);
}

TEST(Program, FailsWhenItsOutputCannotBeWritten) {
  // /dev/full refuses every write.
  const int code = std::system((std::string(TERRACE_PROGRAM) + " workload > /dev/full 2> /dev/null").c_str());
  EXPECT_EQ(WEXITSTATUS(code), 1);
}

}  // namespace
}  // namespace terrace::cli_test
