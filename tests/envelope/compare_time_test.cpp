/// How long a refusal takes must not tell how much of a forged tag is right. Times are noisy, so instructions are counted.

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "envelope/entries.hpp"

namespace terrace::envelope {
namespace {

using namespace std::chrono_literals;

/// How many instructions the call takes in a child of this process. Each child begins with the same memory. 0: this
/// machine does not let us count.
std::uint64_t instructions(const std::function<void()>& call) {
  const pid_t child = ::fork();
  if (child == 0) {
    call();  // what is done only once, such as binding symbols
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(1);
    ::raise(SIGSTOP);
    call();
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) return 0;
  std::uint64_t count = 0;
  do {
    if (::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) != 0) break;
    ::waitpid(child, &status, 0);
    ++count;
  } while (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  return count;
}

/// As a reader without care would compare.
bool equal_byte_by_byte(const std::string& a, const std::string& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (const_cast<const volatile char&>(a[i]) != b[i]) return false;
  }
  return true;
}

TEST(CompareTime, A38_OfATagDoesNotDependOnWhereItIsWrong) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the sanitizer adds instructions of its own";
#endif
  const auto keys = ring("1 primary $1");
  const Bytes stored =
      wrap("ns", "key", {.created = WallTime(1ms)}, "payload", {.enabled = false}, keys.get());
  const auto refused_at = [&](std::size_t from_end) {
    Bytes forged = stored;
    forged[forged.size() - from_end] ^= 1;
    return instructions([&] {
      if (open("ns", "key", forged, {.keys = keys.get()})) std::abort();
    });
  };
  const std::uint64_t first = refused_at(16);
  if (first == 0) GTEST_SKIP() << "this machine does not let a process trace another";
  EXPECT_GT(first, 1000U);
  EXPECT_EQ(refused_at(8), first);
  EXPECT_EQ(refused_at(1), first);
}

TEST(CompareTime, A38_MutantThatComparesByteByByteTellsWhereItIsWrong) {
  const std::string right(16, 'r');
  const auto refused_at = [&](std::size_t at) {
    std::string forged = right;
    forged[at] = 'w';
    return instructions([&] {
      if (equal_byte_by_byte(right, forged)) std::abort();
    });
  };
  const std::uint64_t first = refused_at(0);
  if (first == 0) GTEST_SKIP() << "this machine does not let a process trace another";
  EXPECT_GT(refused_at(15), first);
}

}  // namespace
}  // namespace terrace::envelope
