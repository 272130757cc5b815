#include "redis/ping_proof.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <vector>

#include "support/seed.hpp"

namespace terrace::redis {
namespace {

using namespace std::chrono_literals;
using Step = PingProof::Step;

constexpr TimePoint start{1h};

TEST(PingProof, TheSecondPongProvesWhatWasBeforeTheFirstPing) {
  PingProof proof(start);
  EXPECT_EQ(proof.at(start), Step::ping);
  EXPECT_EQ(proof.at(start + 10ms), Step::wait) << "one PING at a time";
  EXPECT_EQ(proof.pong(), std::nullopt);
  EXPECT_EQ(proof.due(), start + PingProof::interval);
  EXPECT_EQ(proof.at(start + PingProof::interval - 1ns), Step::wait);
  EXPECT_EQ(proof.at(start + PingProof::interval), Step::ping);
  EXPECT_EQ(proof.pong(), start);
  EXPECT_EQ(proof.at(start + 450ms), Step::ping);
  EXPECT_EQ(proof.pong(), start + PingProof::interval);
}

TEST(PingProof, SilenceIsDeathAndPushesAreNoSilence) {
  PingProof proof(start);
  ASSERT_EQ(proof.at(start), Step::ping);
  EXPECT_EQ(proof.at(start + PingProof::silence - 1ns), Step::wait);
  proof.heard(start + 400ms);
  EXPECT_EQ(proof.at(start + PingProof::silence), Step::wait);
  EXPECT_EQ(proof.due(), start + 400ms + PingProof::silence);
  EXPECT_EQ(proof.at(proof.due()), Step::dead);
}

TEST(PingProof, ALatePongIsFollowedByAPingAtOnce) {
  PingProof proof(start);
  ASSERT_EQ(proof.at(start), Step::ping);
  (void)proof.pong();
  ASSERT_EQ(proof.at(start + 200ms), Step::ping);
  (void)proof.pong();
  EXPECT_EQ(proof.at(start + 900ms), Step::ping);
}

TEST(PingProof, AnErrorBreaksTheChain) {
  PingProof proof(start);
  ASSERT_EQ(proof.at(start), Step::ping);
  EXPECT_EQ(proof.pong(), std::nullopt);
  ASSERT_EQ(proof.at(start + 200ms), Step::ping);
  proof.refused();
  ASSERT_EQ(proof.at(start + 400ms), Step::ping);
  EXPECT_EQ(proof.pong(), std::nullopt);
  ASSERT_EQ(proof.at(start + 600ms), Step::ping);
  EXPECT_EQ(proof.pong(), start + 400ms);
}

/// The rule of the design; a refused PING proves nothing.
struct Double : PingProof {
  using PingProof::PingProof;
  std::optional<TimePoint> refuse() noexcept { return refused(), std::nullopt; }
};

/// Mutant: a PONG proves what was before its own PING.
struct Single : Double {
  explicit Single(TimePoint now) : Double(now) {}
  Step at(TimePoint now) noexcept {
    const Step step = PingProof::at(now);
    if (step == Step::ping) sent = now;
    return step;
  }
  std::optional<TimePoint> pong() noexcept { return (void)PingProof::pong(), sent; }
  TimePoint sent{};
};

/// Mutant: an error is as good as a PONG.
struct Gullible : Double {
  using Double::Double;
  std::optional<TimePoint> refuse() noexcept { return pong(); }
};

/// A server and a connection to it, one millisecond after the other. In a turn, which takes a while, changes
/// are made and what arrived is read, in any order; at its end replies go out, and behind them the pushes. A
/// script may hold a turn up: what is read then is answered at once, by an error.
template <class Prover>
class World {
 public:
  explicit World(unsigned seed) : random_(seed) {}

  /// How many proofs were wrong, of how many.
  struct Outcome {
    int wrong = 0, proofs = 0, lost = 0;
  };
  Outcome run(int milliseconds) {
    for (int i = 0; i < milliseconds; ++i) {
      now_ += 1ms;
      serve();
      receive();
      const Step step = prover_.at(now_);
      if (step == Step::ping) to_server_.push_back({Kind::ping, now_ + latency()});
      if (step == Step::dead) reconnect();
    }
    return outcome_;
  }

 private:
  enum class Kind { ping, pong, error, push };
  struct Message {
    Kind kind;
    TimePoint arrives;
    std::size_t changes = 0;  // Kind::push: so many of all changes have been told
  };

  bool chance(unsigned percent) { return random_() % 100 < percent; }
  Duration latency() { return std::chrono::milliseconds(random_() % 8); }

  void serve() {
    if (chance(5)) changes_.push_back(now_);
    if (chance(20)) read();
    if (chance(1)) busy_ = true;
    if (busy_ ? chance(1) : chance(10)) end_turn();
  }
  void read() {
    while (!to_server_.empty() && to_server_.front().arrives <= now_) {
      to_server_.pop_front();
      if (busy_) {
        send({Kind::error, now_});
      } else {
        ++replies_;
      }
    }
  }
  void end_turn() {
    busy_ = false;
    for (; replies_ > 0; --replies_) send({Kind::pong, now_});
    send({Kind::push, now_, changes_.size()});
  }
  void send(Message message) {
    message.arrives += latency();
    if (!to_client_.empty()) message.arrives = std::max(message.arrives, to_client_.back().arrives);
    to_client_.push_back(message);
  }

  void receive() {
    while (!to_client_.empty() && to_client_.front().arrives <= now_) {
      const Message message = to_client_.front();
      to_client_.pop_front();
      prover_.heard(now_);
      if (message.kind == Kind::push) told_ = message.changes;
      if (message.kind == Kind::pong) check(prover_.pong());
      if (message.kind == Kind::error) check(prover_.refuse());
    }
  }
  void check(std::optional<TimePoint> until) {
    if (!until) return;
    ++outcome_.proofs;
    if (told_ < changes_.size() && changes_[told_] < *until) ++outcome_.wrong;
  }
  void reconnect() {
    ++outcome_.lost;
    to_server_.clear();
    to_client_.clear();
    replies_ = 0;
    told_ = changes_.size();  // whoever reconnects forgets what it had
    prover_ = Prover(now_);
  }

  std::mt19937 random_;
  TimePoint now_ = start;
  Prover prover_{start};
  Outcome outcome_;
  std::deque<Message> to_server_, to_client_;
  std::vector<TimePoint> changes_;
  std::size_t told_ = 0;
  int replies_ = 0;
  bool busy_ = false;
};

TEST(PingProof, F09_NoProofIsWrongInAnyOrderOfEvents) {
  const unsigned seed = testing::test_seed();
  SCOPED_TRACE(testing::seed_text(seed));
  int proofs = 0, single = 0, gullible = 0;
  for (unsigned round = 0; round < 200; ++round) {
    const auto outcome = World<Double>(seed + round).run(20'000);
    ASSERT_EQ(outcome.wrong, 0) << "round " << round;
    proofs += outcome.proofs;
    single += World<Single>(seed + round).run(20'000).wrong;
    gullible += World<Gullible>(seed + round).run(20'000).wrong;
  }
  EXPECT_GT(proofs, 1000);
  EXPECT_GT(single, 0) << "the simulation shows the bug where there is one";
  EXPECT_GT(gullible, 0) << "and this one";
}

}  // namespace
}  // namespace terrace::redis
