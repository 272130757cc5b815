#include "traces/trace_reader.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include <memory>
#include <thread>

#include "cli/temp_folder.hpp"

namespace terrace::traces {
namespace {

using cli_test::TempFolder;
using ::testing::HasSubstr;

/// zstd with the content's size left out of the frame and the window as asked for, as a pipe writes it.
std::string compressed(std::string_view text, int window_log = 0) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), &ZSTD_freeCCtx);
  if (window_log > 0) {
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_windowLog, window_log);
  }
  std::string out(ZSTD_compressBound(text.size()) + 64, '\0');
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  ZSTD_inBuffer from{text.data(), text.size(), 0};
  ZSTD_inBuffer first{text.data(), text.size() / 2, 0};
  ZSTD_compressStream2(context.get(), &to, &first, ZSTD_e_continue);
  from.pos = first.pos;
  while (ZSTD_compressStream2(context.get(), &to, &from, ZSTD_e_end) != 0) {
  }
  out.resize(to.pos);
  return out;
}

std::vector<std::string> keys_of(const std::string& path, TraceOptions options = {}) {
  TraceReader reader(path, options);
  std::vector<std::string> keys;
  Request request;
  while (reader.next(request)) keys.emplace_back(request.key);
  EXPECT_EQ(reader.report().requests, keys.size());
  return keys;
}

std::string error_of(const std::string& path, TraceOptions options = {}) {
  try {
    keys_of(path, options);
  } catch (const TraceError& error) {
    return error.what();
  }
  return "no error";
}

using Keys = std::vector<std::string>;

class TraceReaderTest : public ::testing::Test {
 protected:
  TempFolder folder_;
};

TEST_F(TraceReaderTest, ReadsEachFormatByName) {
  EXPECT_EQ(keys_of(folder_.file("a.keys", "1\n2\n3\n")), (Keys{"1", "2", "3"}));
  EXPECT_EQ(keys_of(folder_.file("a.csv", "time,key,size\n0,x,1\n1,y,2\n")), (Keys{"x", "y"}));
  EXPECT_EQ(keys_of(folder_.file("a.log", "h - - [d] \"GET /x HTTP/1.1\" 200 5\n")), (Keys{"/x"}));
}

TEST_F(TraceReaderTest, TellsEachFormatByContent) {
  const auto format_of = [&](std::string_view content) {
    return TraceReader(folder_.file("trace", content)).format();
  };
  EXPECT_EQ(format_of("\n123\n"), TraceFormat::keys);
  EXPECT_EQ(format_of("time,key,size\n1,2,3\n"), TraceFormat::csv);
  EXPECT_EQ(format_of("key\nabc\n"), TraceFormat::csv);
  EXPECT_EQ(format_of("h - - [d] \"POST /x HTTP/1.1\" 200 5\n"), TraceFormat::log);
  EXPECT_THAT(error_of(folder_.file("trace", "hello\nworld\n")), HasSubstr("--format"));
}

TEST_F(TraceReaderTest, GivenFormatWins) {
  const std::string path = folder_.file("a.keys", "key\nx\n");
  EXPECT_EQ(keys_of(path, {.format = TraceFormat::csv}), (Keys{"x"}));
}

TEST_F(TraceReaderTest, ReadsZstdWhateverTheName) {
  EXPECT_EQ(keys_of(folder_.file("a.keys.zst", compressed("1\n2\n"))), (Keys{"1", "2"}));
  EXPECT_EQ(keys_of(folder_.file("b", compressed("1\n") + compressed("2\n"))), (Keys{"1", "2"}));
}

TEST_F(TraceReaderTest, ReadsWindowsOverTheDefaultLimit) {
  constexpr int window_log = ZSTD_WINDOWLOG_LIMIT_DEFAULT + 1;
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i * 7919) + '\n';
  EXPECT_EQ(keys_of(folder_.file("a.keys.zst", compressed(text, window_log))).size(), 100'000U);
}

TEST_F(TraceReaderTest, TakesCrLfMarksAndAMissingLastNewline) {
  EXPECT_EQ(keys_of(folder_.file("a.keys", "1\r\n\r\n2\r\n3")), (Keys{"1", "2", "3"}));
  EXPECT_EQ(keys_of(folder_.file("a.csv", "\xEF\xBB\xBFtime,key,size\r\n0,x,1\r\n1,y,2")), (Keys{"x", "y"}));
}

TEST_F(TraceReaderTest, LinesAcrossBuffersStayWhole) {
  // Several buffers of keys whose lengths shift every line against the blocks they are read in.
  constexpr std::uint64_t count = 900'000;
  std::string text;
  for (std::uint64_t i = 0; i < count; ++i) text += std::to_string(i * i) + '\n';
  for (const bool zstd : {false, true}) {
    TraceReader reader(folder_.file("a.keys", zstd ? compressed(text) : text));
    Request request;
    for (std::uint64_t i = 0; i < count; ++i) {
      ASSERT_TRUE(reader.next(request));
      ASSERT_EQ(request.number, i * i);
      ASSERT_EQ(request.line, i + 1);
      if (i == count / 2) {
        EXPECT_NEAR(reader.progress().value(), 0.5, 0.1);
      }
    }
    EXPECT_FALSE(reader.next(request));
    EXPECT_EQ(reader.progress(), 1.0);
  }
}

TEST_F(TraceReaderTest, LineOverTheLimitIsMalformedWhereverItLies) {
  const std::string longest(max_line_size - 4, 'k');
  for (const std::size_t extra : {std::size_t{5}, max_line_size, 3 * max_line_size}) {
    const std::string too_long(max_line_size + extra, 'x');
    for (const bool newline : {true, false}) {
      const std::string text =
          "key,size\na,1\n" + longest + ",12\nb,1\nc,1\n" + too_long + (newline ? ",1\nd,1\n" : "");
      TraceReader reader(folder_.file("a.csv", text));
      Keys keys;
      Request request;
      while (reader.next(request)) keys.emplace_back(request.key);
      EXPECT_EQ(keys, newline ? (Keys{"a", longest, "b", "c", "d"}) : (Keys{"a", longest, "b", "c"}));
      ASSERT_EQ(reader.report().bad, 1U);
      EXPECT_EQ(reader.report().first_bad.front().line, 6U);
      EXPECT_EQ(reader.report().lines, newline ? 7U : 6U);
    }
  }
}

TEST_F(TraceReaderTest, CountsMalformedLinesAndKeepsTheFirst) {
  std::string text;
  for (int i = 1; i <= 2000; ++i) text += i % 250 == 0 ? "bad\n" : "7\n";
  TraceReader reader(folder_.file("a.keys", text));
  Request request;
  while (reader.next(request)) {
  }
  EXPECT_EQ(reader.report().bad, 8U);
  EXPECT_EQ(reader.report().requests, 1992U);
  ASSERT_EQ(reader.report().first_bad.size(), 5U);
  EXPECT_EQ(reader.report().first_bad[1].line, 500U);
}

TEST_F(TraceReaderTest, RefusesTooManyMalformedLines) {
  std::string text;
  for (int i = 1; i <= 2000; ++i) text += i % 50 == 0 ? "bad\n" : "7\n";
  const std::string path = folder_.file("a.keys", text);
  EXPECT_THAT(error_of(path), HasSubstr("40 of 2000 lines are malformed\n  line 50: not an unsigned"));
  EXPECT_EQ(keys_of(path, {.max_bad_share = 0.02}).size(), 1960U);
  EXPECT_THAT(error_of(path, {.max_bad_share = 0.019}), HasSubstr("--max-bad-lines"));
}

TEST_F(TraceReaderTest, ForgivesAFewInAShortFileUnlessToldOtherwise) {
  const std::string path = folder_.file("a.keys", "1\nbad\n2\n3\n");
  EXPECT_EQ(keys_of(path), (Keys{"1", "2", "3"}));
  EXPECT_THAT(error_of(path, {.max_bad_share = 0.0}), HasSubstr("1 of 4 lines"));
  EXPECT_THAT(error_of(folder_.file("b.keys", "1\nbad\n")), HasSubstr("1 of 2 lines"));
}

TEST_F(TraceReaderTest, GivesUpEarlyOnAFileOfGarbage) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "bad\n";
  EXPECT_THAT(error_of(folder_.file("a.keys", text)), HasSubstr("10000 of 10000 lines"));
}

TEST_F(TraceReaderTest, SaysWhyAFileCannotBeRead) {
  EXPECT_THAT(error_of(folder_.path("none.keys")), HasSubstr("none.keys cannot be read: No such file"));
  EXPECT_THAT(error_of(folder_.path("")), HasSubstr("is a folder"));
  EXPECT_THAT(error_of(folder_.file("e.keys", "")), HasSubstr("is empty"));
  EXPECT_THAT(error_of(folder_.file("e.keys.zst", compressed(""))), HasSubstr("is empty"));
  EXPECT_THAT(error_of(folder_.file("n.keys", "\n\n")), HasSubstr("contains no request"));
  EXPECT_THAT(error_of(folder_.file("h.csv", "time,key,size\n")), HasSubstr("contains no request"));
  EXPECT_THAT(error_of(folder_.file("b.keys", std::string_view("\x7f"
                                                               "ELF\0\0\n1\n",
                                                               9))),
              HasSubstr("binary"));
  EXPECT_THAT(error_of(folder_.file("g.keys.gz", "\x1f\x8b\x08...")), HasSubstr("gzip -dc"));
  EXPECT_THAT(error_of(folder_.file("c.csv", "time,id\n1,2\n")), HasSubstr("c.csv, line 1"));
}

TEST_F(TraceReaderTest, SaysThatZstdIsCutOffOrDamaged) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += std::to_string(i * 7919) + '\n';
  std::string stored = compressed(text);
  EXPECT_THAT(error_of(folder_.file("cut.keys.zst", std::string_view(stored).substr(0, stored.size() / 2))),
              HasSubstr("cut off"));
  EXPECT_THAT(error_of(folder_.file("head.keys.zst", std::string_view(stored).substr(0, 4))),
              HasSubstr("cut off"));
  stored[6] = static_cast<char>(stored[6] ^ 0x7f);
  EXPECT_THAT(error_of(folder_.file("damaged.keys.zst", stored)), HasSubstr("damaged"));
}

/// Standard input of this process, replaced by a pipe while the object lives.
class PipedInput {
 public:
  PipedInput() : saved_(::dup(STDIN_FILENO)) {
    EXPECT_EQ(::pipe(ends_), 0);
    ::dup2(ends_[0], STDIN_FILENO);
    ::close(ends_[0]);
  }
  ~PipedInput() {
    close();
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
  }
  void write(std::string_view text) const {
    EXPECT_EQ(::write(ends_[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void close() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  int saved_;
  int ends_[2]{-1, -1};
};

TEST_F(TraceReaderTest, ReadsStandardInputInPieces) {
  PipedInput input;
  std::thread writer([&] {
    for (const std::string_view piece : {"ti", "me,k", "ey,size\n1,", "alpha,2\n", "2,be", "ta,3"})
      input.write(piece);
    input.close();
  });
  EXPECT_EQ(keys_of("-"), (Keys{"alpha", "beta"}));
  writer.join();
}

TEST_F(TraceReaderTest, StopEndsAReadFromASilentPipe) {
  PipedInput input;
  input.write("1\n2\n");
  std::atomic<bool> stop{false};
  TraceReader reader("-", {.stop = &stop});
  Request request;
  ASSERT_TRUE(reader.next(request));
  ASSERT_TRUE(reader.next(request));
  stop = true;
  EXPECT_FALSE(reader.next(request));
}

TEST(TraceTitle, IsTheNameWithoutEndings) {
  EXPECT_EQ(trace_title("/a/b/tencentBlock.ns1326.csv.zst"), "tencentBlock.ns1326");
  EXPECT_EQ(trace_title("x.keys"), "x");
  EXPECT_EQ(trace_title("access.log"), "access");
  EXPECT_EQ(trace_title(".keys"), ".keys");
  EXPECT_EQ(trace_title("-"), "stdin");
}

}  // namespace
}  // namespace terrace::traces
