/// Loads that wait for each other in a circle are found when the circle closes, and told with the keys in their
/// order. Real threads on the real runtime: latches make sure that each load has begun.

#include "cascade/load_waits.hpp"

#include <gtest/gtest.h>

#include <future>
#include <latch>
#include <string>
#include <terrace/cache.hpp>
#include <vector>

namespace terrace {
namespace {

using namespace std::chrono_literals;
using Strings = Cache<std::string>;

std::string constant(const char* text) {
  return text;
}

std::string why(const Result<std::string>& outcome) {
  return outcome.has_value() ? "(a value)" : outcome.error().context;
}

/// Loads `mine`; its loader reads `other` when all loads of the circle have begun.
std::future<Result<std::string>> ask(Strings& cache, std::string mine, Strings& of, std::string other,
                                     std::latch& all) {
  return std::async(std::launch::async, [&, mine, other] {
    return cache.get_or_load(mine, [&] {
      all.arrive_and_wait();
      return of.get_or_load(other, [] { return constant("never asked"); });
    });
  });
}

TEST(LoadWaits, TwoLoadsThatWaitForEachOtherBothEndAtOnce) {
  Strings cache({.load_timeout = 1h});
  std::latch all{2};
  auto a = ask(cache, "A", cache, "B", all);
  auto b = ask(cache, "B", cache, "A", all);
  const std::string told = why(a.get());
  EXPECT_EQ(told, why(b.get())) << "the same circle, by the error of the read that closed it";
  const bool by_b =
      told.find("the load of \"B\" waits for \"A\", which waits for \"B\":") != std::string::npos;
  const bool by_a =
      told.find("the load of \"A\" waits for \"B\", which waits for \"A\":") != std::string::npos;
  EXPECT_TRUE(by_a || by_b) << told;
  EXPECT_EQ(cache.stats().loads_in_flight, 0U);
  EXPECT_EQ(cache.get_or_load("A", [] { return constant("a"); }).value(), "a");
}

TEST(LoadWaits, ALoadThatWaitsForItselfEndsAtOnce) {
  Strings cache({.load_timeout = 1h});
  const auto own =
      cache.get_or_load("A", [&] { return cache.get_or_load("A", [] { return constant("never asked"); }); });
  EXPECT_NE(why(own).find("the load of \"A\" waits for \"A\":"), std::string::npos) << why(own);
  const auto between = cache.get_or_load("A", [&] {
    return cache.get_or_load("B",
                             [&] { return cache.get_or_load("A", [] { return constant("never asked"); }); });
  });
  EXPECT_NE(why(between).find("the load of \"B\" waits for \"A\", which waits for \"B\":"), std::string::npos)
      << why(between);
}

TEST(LoadWaits, ACircleThroughThreeCachesNamesThem) {
  Strings users({.name = "users", .load_timeout = 1h});
  Strings teams({.name = "teams", .load_timeout = 1h});
  Strings pages({.name = "pages", .load_timeout = 1h});
  std::latch all{3};
  auto one = ask(users, "1", teams, "2", all);
  auto two = ask(teams, "2", pages, "3", all);
  auto three = ask(pages, "3", users, "1", all);
  for (auto* each : {&one, &two, &three}) {
    const std::string told = why(each->get());
    for (const char* key : {"\"1\" of cache users", "\"2\" of cache teams", "\"3\" of cache pages"})
      EXPECT_NE(told.find(key), std::string::npos) << told;
    EXPECT_EQ(told.find("of cache users, which waits for \"3\""), std::string::npos)
        << "in their order: " << told;
  }
}

TEST(LoadWaits, BulkReadsAreInTheCircle) {
  Strings cache({.load_timeout = 1h});
  std::latch all{2};
  const auto many = [&](std::vector<std::string> mine, std::vector<std::string> other) {
    return std::async(std::launch::async, [&, mine, other] {
      return cache.get_or_load_many(mine, [&](const auto& keys) {
        all.arrive_and_wait();
        const auto inner = cache.get_or_load_many(other, [](const auto& of) { return of; });
        return std::vector<std::string>(keys.size(), inner.back().value());
      });
    });
  };
  auto first = many({"a", "b"}, {"x", "c"});
  auto second = many({"c", "d"}, {"y", "b"});
  const auto one = first.get();
  const auto two = second.get();
  for (const auto* each : {&one, &two}) {
    for (const auto& outcome : *each)
      EXPECT_NE(why(outcome).find("loads that wait for each other never end"), std::string::npos)
          << why(outcome);
  }
}

TEST(LoadWaits, AReadThatHasGivenUpIsNoPartOfACircle) {
  Strings cache({.load_timeout = 1h});
  std::promise<void> gave_up;
  std::latch both{2};
  auto a = std::async(std::launch::async, [&] {
    return cache.get_or_load("A", [&] {
      both.arrive_and_wait();
      const auto refused = cache.get_or_load("B", [] { return constant("never asked"); }, {.timeout = 1ms});
      EXPECT_EQ(refused.error(), Errc::timed_out);
      gave_up.set_value();
      return constant("a, without B");
    });
  });
  const auto b = cache.get_or_load("B", [&] {
    both.arrive_and_wait();
    gave_up.get_future().wait();
    return cache.get_or_load("A", [] { return constant("never asked"); }).value() + ", and b";
  });
  EXPECT_EQ(a.get().value(), "a, without B");
  EXPECT_EQ(why(b), "(a value)");
  EXPECT_EQ(b.value(), "a, without B, and b");
}

TEST(LoadWaits, LoadsThatShareALoadAreNoCircle) {
  Strings cache({.load_timeout = 1h});
  const auto shared = [&] { return cache.get_or_load("shared", [] { return constant("s"); }); };
  std::latch all{2};
  auto a = std::async(std::launch::async, [&] {
    return cache.get_or_load("A", [&] {
      all.arrive_and_wait();
      return shared();
    });
  });
  const auto b = cache.get_or_load("B", [&] {
    all.arrive_and_wait();
    return shared();
  });
  EXPECT_EQ(a.get().value(), "s");
  EXPECT_EQ(b.value(), "s");
}

}  // namespace
}  // namespace terrace
