/// F40: nonces never repeat, though the process forks.

#include <gtest/gtest.h>
#include <sodium.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <set>

#include "envelope/entries.hpp"
#include "envelope/seal.hpp"

namespace terrace::envelope {
namespace {

/// The nonces that a process and its children use after a fork.
std::multiset<Bytes> nonces_of_a_family(const KeyRing& keys) {
  constexpr int children = 8;
  constexpr int each = 50;
  std::array<int, 2> pipe{};
  EXPECT_EQ(::pipe(pipe.data()), 0);
  (void)seal(keys, "warm", "");  // whatever is kept between calls is there before the fork
  const auto write_nonces = [&] {
    for (int i = 0; i < each; ++i) {
      if (::write(pipe[1], seal(keys, "x", "").data() + 4, 24) != 24) ::_exit(1);
    }
  };
  std::vector<pid_t> pids;
  for (int i = 0; i < children; ++i) {
    pids.push_back(::fork());
    if (pids.back() == 0) {
      write_nonces();
      ::_exit(0);
    }
  }
  write_nonces();
  ::close(pipe[1]);
  std::multiset<Bytes> nonces;
  Bytes nonce(24, '\0');
  while (::read(pipe[0], nonce.data(), 24) == 24) nonces.insert(nonce);
  ::close(pipe[0]);
  for (const pid_t pid : pids) ::waitpid(pid, nullptr, 0);
  EXPECT_EQ(nonces.size(), (children + 1) * each);
  return nonces;
}

std::size_t distinct(const std::multiset<Bytes>& nonces) {
  return std::set<Bytes>(nonces.begin(), nonces.end()).size();
}

TEST(Nonces, F40_NoneRepeatsAfterAFork) {
  const auto keys = ring("1 primary $1");
  const auto nonces = nonces_of_a_family(*keys);
  EXPECT_EQ(distinct(nonces), nonces.size());
}

/// A generator that keeps its state in the process, as many do.
std::mt19937_64 in_process(7);
randombytes_implementation in_process_random = {
    .implementation_name = [] { return "in process"; },
    .random = [] { return static_cast<std::uint32_t>(in_process()); },
    .stir = nullptr,
    .uniform = nullptr,
    .buf =
        [](void* out, std::size_t size) {
          for (std::size_t i = 0; i < size; ++i)
            static_cast<unsigned char*>(out)[i] = static_cast<unsigned char>(in_process());
        },
    .close = nullptr};

TEST(Nonces, F40_MutantThatKeepsItsGeneratorInTheProcessRepeatsThem) {
  const auto keys = ring("1 primary $1");
  randombytes_set_implementation(&in_process_random);
  const auto nonces = nonces_of_a_family(*keys);
  randombytes_set_implementation(&randombytes_sysrandom_implementation);
  EXPECT_EQ(distinct(nonces), nonces.size() / 9);
}

TEST(Nonces, ComeFromTheSystem) {
  (void)ring("1 primary $1");
  EXPECT_STREQ(randombytes_implementation_name(), "sysrandom");
}

}  // namespace
}  // namespace terrace::envelope
