/// `terrace top`: frames, and the real program on a pseudo-terminal.

#include <poll.h>
#include <pty.h>

#include "cli/operated.hpp"
#include "operate/terminal_text.hpp"
#include "operate/top_frame.hpp"

namespace terrace::cli_test {
namespace {

using namespace terrace::cli;
using namespace std::chrono_literals;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

boost::json::object stats(int fast, int slow) {
  return boost::json::parse(
             R"({"healthy": true, "idle": false, "at": "2026-01-01T00:00:00Z", "alerts": [], "issues": [], "caches":
      [{"name": "users", "closed": false, "issues": [], "load_p99_us": 5, "window": {"span_s": 10, "requests": 100,
        "hits": 75, "misses": 25, "hit_rate": 0.75, "requests_per_s": 10, "loads_per_s": 2.5, "loads": 25,
        "load_p99_us": 2000, "errors": 0, "levels": [{"name": "memory", "hits": 60, "misses": 40, "errors": 0, "hit_rate": 0.6}]},
        "levels": [{"name": "memory", "entries": 1234, "bytes": 2048, "reachable": null,
          "latency": {"bounds_us": [10, 100], "up_to": [)" +
             std::to_string(fast) + "," + std::to_string(fast + slow) + R"(], "count": )" +
             std::to_string(fast + slow) + "}}]}]}")
      .as_object();
}

TEST(TopFrame, ShowsTheWindowAndLatenciesOfNow) {
  TopFrames frames("http://here");
  frames.add(stats(0, 1000), TimePoint(1s));
  EXPECT_THAT(frames.frame(200, 0), ContainsRegex("memory +60.00 % +10.0 +99 us"));
  frames.add(stats(1000, 1000), TimePoint(2s));
  const std::string frame = frames.frame(200, 0);
  EXPECT_THAT(frame, HasSubstr("terrace top  http://here  healthy  2026"));
  EXPECT_THAT(frame, ContainsRegex("users +75.00 % +10.0 +2.0 ms +2.5 +0 .*healthy"));
  EXPECT_THAT(frame, ContainsRegex("memory +60.00 % +10.0 +9.9 us +0 +1,234 +2.0 KiB"))
      << "the slow ones are of before";
}

TEST(TopFrame, FitsEveryTerminal) {
  TopFrames frames("http://here");
  frames.add(stats(1, 1), TimePoint(1s));
  EXPECT_THAT(frames.frame(200, 0), HasSubstr("BYTES"));
  EXPECT_THAT(frames.frame(60, 0), Not(HasSubstr("BYTES")));
  EXPECT_THAT(frames.frame(60, 0), HasSubstr("STATE"));
  for (const std::size_t columns : {1U, 10U, 40U, 80U}) {
    for (const std::size_t rows : {1U, 3U, 24U}) {
      const std::string frame = frames.frame(columns, rows);
      EXPECT_LE(static_cast<std::size_t>(std::count(frame.begin(), frame.end(), '\n')), rows);
      std::istringstream lines(frame);
      for (std::string line; std::getline(lines, line);) EXPECT_LE(width(line), columns) << line;
    }
  }
  EXPECT_THAT(frames.frame(80, 3), HasSubstr("more lines do not fit"));
}

TEST(TopFrame, TroubleIsShownBesideTheLastFigures) {
  TopFrames frames("x");
  frames.set_trouble("away\x1b");
  EXPECT_THAT(frames.frame(80, 24), HasSubstr("! away\\x1b"));
  frames.add(stats(1, 1), TimePoint(1s));
  EXPECT_THAT(frames.frame(80, 24), HasSubstr("users"));
}

/// The program on a terminal of its own.
class OnTerminal {
 public:
  explicit OnTerminal(const std::vector<std::string>& arguments) {
    std::vector<char*> words{const_cast<char*>(TERRACE_PROGRAM)};
    for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    winsize size{12, 70, 0, 0};
    pid_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
    if (pid_ != 0) return;
    ::execv(TERRACE_PROGRAM, words.data());
    ::_exit(127);
  }
  ~OnTerminal() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(terminal_);
  }
  OnTerminal(const OnTerminal&) = delete;
  OnTerminal& operator=(const OnTerminal&) = delete;

  bool shows(const std::string& text) {
    return testing::eventually([&] {
      read();
      return shown_.find(text) != std::string::npos;
    });
  }
  void press(char key) const { EXPECT_EQ(::write(terminal_, &key, 1), 1); }
  int wait() {
    int status = 0;
    EXPECT_TRUE(testing::eventually([&] {
      read();
      return ::waitpid(pid_, &status, WNOHANG) == pid_;
    }));
    pid_ = -1;
    read();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  [[nodiscard]] const std::string& shown() const { return shown_; }
  [[nodiscard]] bool echoes() const {
    termios now{};
    ::tcgetattr(terminal_, &now);
    return (now.c_lflag & ECHO) != 0;
  }

 private:
  void read() {
    std::array<char, 4096> some{};
    pollfd ready{terminal_, POLLIN, 0};
    while (::poll(&ready, 1, 0) > 0) {
      const ssize_t size = ::read(terminal_, some.data(), some.size());
      if (size <= 0) return;
      shown_.append(some.data(), static_cast<std::size_t>(size));
    }
  }

  int terminal_ = -1;
  pid_t pid_ = -1;
  std::string shown_;
};

class Top : public Operated {};

TEST_F(Top, OnceNeedsNoTerminal) {
  const Ended ended = terrace(at_server({"top", "--once"}));
  EXPECT_EQ(ended.code, exit_ok) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("users"));
  EXPECT_THAT(ended.out, HasSubstr("  sqlite"));
  EXPECT_THAT(ended.out, Not(HasSubstr("\x1b")));
  EXPECT_EQ(terrace(at_config({"top", "--once"})).code, exit_ok);
  const Ended refused = terrace(at_server({"top"}));
  EXPECT_EQ(refused.code, exit_usage);
  EXPECT_THAT(refused.err, HasSubstr("--once"));
}

TEST_F(Top, LivesOnATerminalAndLeavesItAsItWas) {
  for (const char key : {'q', '\x03'}) {
    OnTerminal top(at_server({"top"}));
    ASSERT_TRUE(top.shows("\x1b[?1049h")) << top.shown();
    ASSERT_TRUE(top.shows("users")) << top.shown();
    EXPECT_FALSE(top.echoes());
    top.press('x');
    top.press(key);
    EXPECT_EQ(top.wait(), exit_ok) << top.shown();
    EXPECT_THAT(top.shown(), ::testing::EndsWith("\x1b[?25h\x1b[?1049l"));
    EXPECT_TRUE(top.echoes());
  }
}

TEST_F(Top, GoesOnWhenTheServerGoesAway) {
  OnTerminal top(at_server({"top"}));
  ASSERT_TRUE(top.shows("users"));
  stop_server();
  EXPECT_TRUE(top.shows("! http://127.0.0.1")) << top.shown();
  top.press('q');
  EXPECT_EQ(top.wait(), exit_ok);
}

}  // namespace
}  // namespace terrace::cli_test
