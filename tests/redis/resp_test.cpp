#include "redis/resp.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "support/seed.hpp"

namespace terrace::redis {
namespace {

constexpr std::size_t limit = 1000;

/// What the reader makes of the bytes when they come in pieces of these sizes: one line per node.
std::string read_reply(std::string_view bytes, const std::function<std::size_t()>& piece) {
  ReplyReader reader(limit);
  std::string seen;
  while (!bytes.empty()) {
    const auto space = reader.space();
    const std::size_t n = std::min({piece(), bytes.size(), space.size()});
    std::memcpy(space.data(), bytes.data(), n);
    bytes.remove_prefix(n);
    reader.commit(n);
    ReplyReader::Item item;
    for (auto step = reader.next(item); step != ReplyReader::Step::need_more; step = reader.next(item)) {
      if (step == ReplyReader::Step::broken) return seen + "broken";
      if (item.push) seen += "push ";
      seen += std::string(1, boost::redis::resp3::to_code(item.node.data_type)) +
              std::to_string(item.node.depth) + std::string(item.node.value) + (item.last ? ";" : ",");
    }
  }
  return seen;
}
std::string read_reply(std::string_view bytes) {
  return read_reply(bytes, [] { return SIZE_MAX; });
}

TEST(Resp, EncodesCommands) {
  std::string out;
  add_command(out, {"SET", std::string_view("a\0\r\n", 4), ""});
  EXPECT_EQ(out, std::string("*3\r\n$3\r\nSET\r\n$4\r\na\0\r\n\r\n$0\r\n\r\n", 29));
}

TEST(Resp, ReadsTheRepliesWeGet) {
  EXPECT_EQ(read_reply("+OK\r\n"), "+0OK;");
  EXPECT_EQ(read_reply("$5\r\na\r\nbc\r\n$0\r\n\r\n"), "$0a\r\nbc;$0;");
  EXPECT_EQ(read_reply("_\r\n:1\r\n-WRONGTYPE x\r\n"), "_0;:01;-0WRONGTYPE x;");
  EXPECT_EQ(read_reply("*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"), "*0,$10,*1,$2a,$2b;");
  EXPECT_EQ(read_reply("*2\r\n$1\r\n0\r\n*0\r\n+x\r\n"), "*0,$10,*1;+0x;");
}

TEST(Resp, TellsPushesFromReplies) {
  EXPECT_EQ(read_reply(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n$1\r\nv\r\n"),
            "push >0,push $1invalidate,push *1,push $2k;$0v;");
}

TEST(Resp, PiecesOfAnySizeGiveTheSame) {
  const unsigned seed = testing::test_seed();
  SCOPED_TRACE(testing::seed_text(seed));
  std::mt19937 random(seed);
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    const std::string value(random() % 2000, static_cast<char>(random()));
    bytes += "$" + std::to_string(value.size()) + "\r\n" + value + "\r\n";
    if (i % 7 == 0) bytes += "*2\r\n$1\r\n7\r\n*1\r\n$1\r\nk\r\n_\r\n";
  }
  const std::string whole = read_reply(bytes);
  EXPECT_EQ(whole.find("broken"), std::string::npos);
  EXPECT_NE(whole.find(ReplyReader::too_large), std::string::npos);
  EXPECT_TRUE(read_reply(bytes, [] { return std::size_t{1}; }) == whole);
  EXPECT_TRUE(read_reply(bytes, [&] { return std::size_t{1} + random() % 700; }) == whole);
}

TEST(Resp, F33_AValueOverTheLimitIsSkipped) {
  EXPECT_EQ(read_reply("$1000\r\n" + std::string(1000, 'x') + "\r\n"), "$0" + std::string(1000, 'x') + ";");
  const std::string skipped = read_reply("$1001\r\n" + std::string(1001, '$') + "\r\n+OK\r\n");
  EXPECT_EQ(skipped, "!0TERRACE-TOO-LARGE the value found has 1001 bytes, the limit is 1000;+0OK;");
}

/// The limit is of values: keys that a SCAN finds, and what INFO tells, may be longer.
TEST(Resp, WhatIsNoValueMayBeLongerThanOne) {
  const std::string text(2000, 'x');
  EXPECT_EQ(read_reply("*1\r\n$2000\r\n" + text + "\r\n"), "*0,$1" + text + ";");
  EXPECT_EQ(read_reply("=2000\r\n" + text + "\r\n"), "=0" + text + ";");
}

TEST(Resp, A36_WhatIsNotRespIsBroken) {
  for (const std::string_view bad : {"\r\n",
                                     "$\r\n",
                                     "$-1\r\n",
                                     "$?\r\n",
                                     "*\r\n",
                                     "*-1\r\n",
                                     "%99999999999999999999\r\n",
                                     "*1048577\r\n",
                                     "$18446744073709551614\r\n",
                                     "$1x\r\n",
                                     "=131073\r\n",
                                     "!131073\r\n",
                                     "x\r\n",
                                     "|1\r\n",
                                     ";4\r\n",
                                     ".\r\n",
                                     "*1\r\n$131073\r\n",
                                     "#x\r\n",
                                     "#\r\n",
                                     ":\r\n",
                                     "HTTP/1.1 400 Bad Request\r\n",
                                     "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"}) {
    const std::string seen = read_reply(bad);
    EXPECT_NE(seen.find("broken"), std::string::npos) << bad << " gave " << seen;
  }
  EXPECT_EQ(read_reply("+" + std::string(70'000, 'a')), "broken") << "a line without end";
}

TEST(Resp, A36_NoBytesMakeItCrashOrGrow) {
  const unsigned seed = testing::test_seed();
  SCOPED_TRACE(testing::seed_text(seed));
  std::mt19937 random(seed);
  constexpr std::string_view alphabet = "$*%~>_:+-#,(!=|;?0123456789\r\n\r\n\r\nab";
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes;
    for (auto n = random() % 60; n > 0; --n) bytes += alphabet[random() % alphabet.size()];
    read_reply(bytes, [&] { return std::size_t{1} + random() % 9; });
  }
}

}  // namespace
}  // namespace terrace::redis
