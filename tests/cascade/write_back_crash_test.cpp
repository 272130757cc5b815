/// F41: kill -9 at any moment. A child writes back to a target that lives in this process and compares
/// versions; it is killed, started anew, and what it acknowledged must be there: nothing lost, nothing
/// applied twice, nothing out of order. TERRACE_CRASH_CYCLES and TERRACE_CRASH_SEED set how often and which.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <ostream>
#include <random>

#include "cascade/crash_protocol.hpp"
#include "support/child_process.hpp"

namespace terrace::crash {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class Crashes {
 public:
  Crashes(std::string mutant, std::uint64_t seed) : mutant_(std::move(mutant)), random_(seed) {}

  struct Findings {
    std::uint64_t acknowledged = 0, applied = 0, repeated = 0, recoveries = 0;  // how much was tried
    std::uint64_t lost = 0, twice = 0, reordered = 0;                           // must stay 0
    [[nodiscard]] std::uint64_t wrong() const { return lost + twice + reordered; }
  };

  /// When a life of the child ends: what comes first.
  struct End {
    std::uint64_t messages = UINT64_MAX;  ///< it has said so much
    std::uint64_t batches = UINT64_MAX;   ///< so many batches were at the target; the last is not answered
    std::chrono::microseconds time = 5s;
  };

  [[nodiscard]] End random_end() {
    switch (random_() % 3) {
      case 0:
        return {.messages = random_() % 300};
      case 1:
        return {.batches = 1 + random_() % 6};
      default:
        return {.time = std::chrono::microseconds(random_() % 40'000)};
    }
  }

  void live(End until) {
    std::array<int, 2> sockets{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets.data()), 0);
    ::fcntl(sockets[0], F_SETFD, FD_CLOEXEC);
    acknowledged_before_ = acknowledged_;
    testing::ChildProcess child({TERRACE_CHILD, std::to_string(sockets[1]), folder_.file("journal"),
                                 std::to_string(++life_), mutant_},
                                folder_.file("log"));
    ::close(sockets[1]);
    const auto end = Clock::now() + until.time;
    Message message;
    while (until.messages-- > 0 && wait_for(sockets[0], end) && receive_message(sockets[0], message)) {
      const bool last = message.kind == Kind::apply && --until.batches == 0;
      hear(last ? -1 : sockets[0], message);
      if (last) break;
    }
    ASSERT_TRUE(child.running()) << "the child ended by itself, see its log";
    child.kill9();
    while (receive_message(sockets[0], message)) hear(-1, message);  // what it said with its last breath
    ::close(sockets[0]);
  }

  [[nodiscard]] const Findings& findings() const { return findings_; }

 private:
  struct Held {
    std::uint64_t version = 0;
    std::uint32_t n = 0;
  };

  static bool wait_for(int socket, Clock::time_point end) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd what{.fd = socket, .events = POLLIN, .revents = 0};
    return left > 0 && ::poll(&what, 1, static_cast<int>(left)) > 0;
  }

  void hear(int socket, const Message& message) {
    switch (message.kind) {
      case Kind::acknowledged:
        ++findings_.acknowledged;
        acknowledged_[message.writes[0].key] = message.writes[0].n;
        break;
      case Kind::apply:
        for (std::uint32_t i = 0; i < message.count; ++i) apply(message.writes[i]);
        if (socket >= 0) send_message(socket, Kind::applied, {});
        break;
      case Kind::recovered:
        ++findings_.recoveries;
        for (std::uint32_t key = 0; key < key_count; ++key)
          if (target_[key].n < acknowledged_before_[key]) ++findings_.lost;
        break;
      case Kind::damaged:
        ++findings_.lost;
        break;
      case Kind::applied:
        break;
    }
  }

  void apply(const Write& write) {
    Held& held = target_[write.key];
    if (write.version <= held.version) {
      ++findings_.repeated;
      return;
    }
    ++findings_.applied;
    if (write.n == held.n) ++findings_.twice;
    if (write.n < held.n) ++findings_.reordered;
    held = {write.version, write.n};
  }

  const std::string mutant_;
  std::mt19937_64 random_;
  testing::TempDir folder_;
  std::uint32_t life_ = 0;
  std::array<Held, key_count> target_{};
  std::array<std::uint32_t, key_count> acknowledged_{}, acknowledged_before_{};
  Findings findings_;
};

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(WriteBackCrash, F41_KilledAtAnyMomentNothingIsLostOrAppliedTwiceOrReordered) {
  const std::uint64_t seed = from_environment("TERRACE_CRASH_SEED", std::random_device{}());
  const std::uint64_t cycles = from_environment("TERRACE_CRASH_CYCLES", 30);
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  Crashes crashes("none", seed);
  for (std::uint64_t cycle = 0; cycle < cycles; ++cycle) {
    ASSERT_NO_FATAL_FAILURE(crashes.live(crashes.random_end()));
    ASSERT_EQ(crashes.findings().wrong(), 0U) << "cycle " << cycle << ", seed " << seed;
  }
  crashes.live({.messages = 2000});
  const Crashes::Findings& found = crashes.findings();
  std::printf("%llu cycles: %llu acknowledged, %llu applied, %llu sent again, %llu recoveries\n",
              static_cast<unsigned long long>(cycles), static_cast<unsigned long long>(found.acknowledged),
              static_cast<unsigned long long>(found.applied), static_cast<unsigned long long>(found.repeated),
              static_cast<unsigned long long>(found.recoveries));
  EXPECT_EQ(found.lost, 0U);
  EXPECT_EQ(found.twice, 0U);
  EXPECT_EQ(found.reordered, 0U);
  EXPECT_GT(found.repeated, 0U);
  EXPECT_GE(found.recoveries, cycles / 4);
  EXPECT_GT(found.acknowledged, cycles * 10);
}

/// The same with a fault built in, which must be seen.
struct Mutant {
  const char* name;
  std::uint64_t Crashes::Findings::*finding;
};

class WriteBackMutant : public ::testing::TestWithParam<Mutant> {};

TEST_P(WriteBackMutant, F41_IsCaught) {
  const auto [name, finding] = GetParam();
  Crashes crashes(name, 1);
  int cycles = 0;
  while (crashes.findings().*finding == 0 && cycles++ < 200)
    ASSERT_NO_FATAL_FAILURE(crashes.live(crashes.random_end()));
  EXPECT_GT(crashes.findings().*finding, 0U);
  std::printf("%s: caught after %d cycles\n", name, cycles);
}

void PrintTo(const Mutant& mutant, std::ostream* out) {
  *out << mutant.name;
}

INSTANTIATE_TEST_SUITE_P(All, WriteBackMutant,
                         ::testing::Values(Mutant{"acknowledged-first", &Crashes::Findings::lost},
                                           Mutant{"done-first", &Crashes::Findings::lost},
                                           Mutant{"numbers-anew", &Crashes::Findings::lost},
                                           Mutant{"other-numbers", &Crashes::Findings::twice},
                                           Mutant{"overtaken", &Crashes::Findings::reordered}));

}  // namespace
}  // namespace terrace::crash
