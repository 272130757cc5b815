// How often an address may send a wrong token, in virtual time.
#include "service/wrong_tokens.hpp"

#include <gtest/gtest.h>

namespace terrace::service {
namespace {

using namespace std::chrono_literals;
namespace ip = boost::asio::ip;

ip::address address(const std::string& text) {
  return ip::make_address(text);
}

class WrongTokensTest : public ::testing::Test {
 protected:
  [[nodiscard]] bool waits(const std::string& from) const {
    return wrong_.wait(address(from), now_).has_value();
  }
  /// How many wrong tokens of the address are looked at in a row.
  int guess(const std::string& from, int times) {
    int looked_at = 0;
    for (; times > 0; --times) {
      if (waits(from)) continue;
      wrong_.add(address(from), now_);
      ++looked_at;
    }
    return looked_at;
  }

  WrongTokens wrong_;
  TimePoint now_{1h};
};

TEST_F(WrongTokensTest, A05_TenAtOnceThenOneEachSecond) {
  EXPECT_EQ(guess("10.0.0.1", 100), 10);
  EXPECT_EQ(wrong_.wait(address("10.0.0.1"), now_), 1s);
  now_ += 999ms;
  EXPECT_EQ(wrong_.wait(address("10.0.0.1"), now_), 1ms);
  now_ += 1ms;
  EXPECT_EQ(guess("10.0.0.1", 100), 1);
  now_ += 3s;
  EXPECT_EQ(guess("10.0.0.1", 100), 3);
  now_ += 10s;
  EXPECT_EQ(guess("10.0.0.1", 100), 10);
  now_ += 24h;
  EXPECT_EQ(guess("10.0.0.1", 100), 10) << "attempts are not saved up";
}

TEST_F(WrongTokensTest, A05_AnHourOfGuessesIsBounded) {
  int looked_at = 0;
  for (int i = 0; i < 3600 * 10; ++i, now_ += 100ms) looked_at += guess("10.0.0.1", 3);
  EXPECT_LE(looked_at, 3600 + 10);
}

TEST_F(WrongTokensTest, EachAddressByItself) {
  guess("10.0.0.1", 100);
  EXPECT_FALSE(waits("10.0.0.2"));
  EXPECT_TRUE(waits("::ffff:10.0.0.1")) << "the same, as a socket for both shows it";
  guess("2001:db8::1", 100);
  EXPECT_TRUE(waits("2001:db8::ffff:1")) << "a network of 64 bits is one client";
  EXPECT_FALSE(waits("2001:db8:0:1::1"));
}

TEST_F(WrongTokensTest, A05_ManyAddressesTakeABoundedMemoryAndThoseThatWaitAreKept) {
  guess("10.0.0.1", 100);
  for (unsigned i = 0; i < 3 * WrongTokens::most_addresses; ++i) {
    wrong_.add(ip::address_v4(0x0b000000U + i), now_);
  }
  EXPECT_TRUE(waits("10.0.0.1")) << "forgotten are those with the fewest wrong tokens";
}

}  // namespace
}  // namespace terrace::service
