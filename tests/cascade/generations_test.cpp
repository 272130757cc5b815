/// Stamps of keys: what voids them, and that no key voids another's.

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <terrace/detail/cascade/generations.hpp>
#include <thread>
#include <vector>

namespace terrace::cascade {
namespace {

TEST(Generations, AChangeVoidsTheStampsOfItsKeyAndNoOthers) {
  Generations generations;
  std::vector<Stamp> stamps;
  for (int i = 0; i < 10'000; ++i) stamps.push_back(generations.stamp(std::to_string(i)));
  generations.bump("7");
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(generations.valid(stamps[std::size_t(i)]), i != 7) << i;
  generations.bump_all();
  for (const Stamp& stamp : stamps) EXPECT_FALSE(generations.valid(stamp));
}

TEST(Generations, AStampThatWasTakenAfterAChangeIsValid) {
  Generations generations;
  generations.bump("k");
  const Stamp first = generations.stamp("k");
  EXPECT_TRUE(generations.valid(first));
  const Stamp mine = generations.bump_and_stamp("k");
  EXPECT_FALSE(generations.valid(first));
  EXPECT_TRUE(generations.valid(mine));
  EXPECT_FALSE(generations.valid(Stamp()));
}

TEST(Generations, AVoidStampStaysVoidWhileAnyCopyOfItIsThere) {
  Generations generations;
  auto first = generations.stamp("k");
  const Stamp copy = first;
  generations.bump("k");
  first = generations.stamp("k");  // the copy still counts the key
  EXPECT_TRUE(generations.valid(first));
  EXPECT_FALSE(generations.valid(copy));
  const Stamp moved = std::move(first);
  EXPECT_TRUE(generations.valid(moved));
}

TEST(Generations, OwnNoticesAreAcceptedAndOthersAreNot) {
  Generations generations;
  Stamp stamp = generations.stamp("k");
  bool own_notice = false;
  EXPECT_TRUE(generations.accept_own_notices(stamp, own_notice));
  EXPECT_FALSE(own_notice);
  generations.noticed_own("k");
  EXPECT_FALSE(generations.valid(stamp));
  EXPECT_TRUE(generations.accept_own_notices(stamp, own_notice));
  EXPECT_TRUE(own_notice);
  EXPECT_TRUE(generations.valid(stamp));
  generations.noticed("k");
  EXPECT_FALSE(generations.accept_own_notices(stamp, own_notice));
  EXPECT_FALSE(generations.bump_if_current(stamp, own_notice));
  EXPECT_TRUE(generations.accept_notices(stamp));
  EXPECT_TRUE(generations.valid(stamp));
  generations.bump("k");
  EXPECT_FALSE(generations.accept_notices(stamp));
  Stamp other = generations.stamp("k");
  generations.bump_all();
  EXPECT_FALSE(generations.accept_notices(other));
}

TEST(Generations, BumpIfCurrentVoidsTheOtherStamps) {
  Generations generations;
  Stamp write = generations.bump_and_stamp("k");
  const Stamp read = generations.stamp("k");
  bool own_notice = false;
  EXPECT_TRUE(generations.bump_if_current(write, own_notice));
  EXPECT_TRUE(generations.valid(write));
  EXPECT_FALSE(generations.valid(read));
  Stamp second = generations.bump_and_stamp("k");
  EXPECT_FALSE(generations.bump_if_current(write, own_notice)) << "another write has begun";
  EXPECT_TRUE(generations.bump_if_current(second, own_notice));
}

TEST(Generations, ABulkDeleteVoidsTheStampsOfItsKeysAndNoOthers) {
  Generations generations;
  std::vector<Stamp> stamps;
  for (int i = 0; i < 10'000; ++i) stamps.push_back(generations.stamp(std::to_string(i)));
  const auto selected = [](std::string_view key) { return key.starts_with("7"); };
  generations.bump_if(selected);
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_EQ(generations.valid(stamps[std::size_t(i)]), !selected(std::to_string(i))) << i;
  }
  Stamp old = stamps[7];
  EXPECT_FALSE(generations.accept_notices(old)) << "it is a change, not a notification";
  EXPECT_TRUE(generations.valid(generations.stamp("7")));
}

TEST(Generations, NoStampFromBeforeABulkDeleteIsValidAfterItWhateverOtherThreadsDo) {
  Generations generations;
  std::atomic<bool> ended{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; !ended; ++i)
        static_cast<void>(generations.stamp(std::to_string(t) + std::to_string(i % 50)));
    });
  }
  for (int i = 0; i < 5'000; ++i) {
    const Stamp before = generations.stamp("17");
    generations.bump_if([](std::string_view key) { return key.starts_with("1"); });
    ASSERT_FALSE(generations.valid(before));
  }
  ended = true;
  for (auto& thread : threads) thread.join();
}

TEST(Generations, AStampMayOutliveThem) {
  Stamp stamp;
  {
    Generations generations;
    stamp = generations.stamp("k");
  }
  const Stamp copy = stamp;
}

TEST(Generations, OfManyThreadsThatClaimAKeyTheLastIsValid) {
  Generations generations;
  std::vector<Stamp> stamps(8);
  std::vector<std::thread> threads;
  for (Stamp& mine : stamps) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) mine = generations.bump_and_stamp("k");
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(std::count_if(stamps.begin(), stamps.end(), [&](const Stamp& s) { return generations.valid(s); }),
            1);
}

}  // namespace
}  // namespace terrace::cascade
