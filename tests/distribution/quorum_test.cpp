#include "distribution/quorum.hpp"

#include <gtest/gtest.h>

namespace terrace::distribution {
namespace {

std::string refused(Consistency level, unsigned copies, unsigned read, unsigned write, unsigned may_forget) {
  try {
    static_cast<void>(make_quorum(level, copies, read, write, may_forget));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(Quorum, OfStrongIsAMajority) {
  for (const auto& [copies, majority] :
       {std::pair{1U, 1U}, {2U, 2U}, {3U, 2U}, {4U, 3U}, {5U, 3U}, {7U, 4U}}) {
    const Quorum quorum = make_quorum(Consistency::strong, copies, 0, 0, 0);
    EXPECT_EQ(quorum.read, majority);
    EXPECT_EQ(quorum.write, majority);
    EXPECT_TRUE(quorum.writes_back);
  }
  const Quorum forgiving = make_quorum(Consistency::strong, 5, 0, 0, 1);
  EXPECT_EQ(forgiving.read + forgiving.write, 8U) << "R + W = 8 > N + a = 6";
}

TEST(Quorum, OfTheOthersIsOneNode) {
  for (const auto level : {Consistency::weak, Consistency::eventual}) {
    const Quorum quorum = make_quorum(level, 3, 0, 0, 0);
    EXPECT_EQ(quorum.read, 1U);
    EXPECT_EQ(quorum.write, 1U);
    EXPECT_FALSE(quorum.writes_back);
  }
}

TEST(Quorum, ThatCannotKeepItsPromiseIsRefusedWithTheSum) {
  const std::string why = refused(Consistency::strong, 3, 1, 2, 0);
  EXPECT_NE(
      why.find("read_quorum + write_quorum = 1 + 2 = 3 must be more than copies + may_forget = 3 + 0 = 3"),
      std::string::npos)
      << why;
  EXPECT_EQ(refused(Consistency::strong, 3, 1, 3, 0), "");
  EXPECT_NE(refused(Consistency::strong, 3, 1, 3, 1), "");
  EXPECT_NE(refused(Consistency::strong, 3, 0, 0, 3), "") << "3 nodes cannot make good that 3 forget";
  EXPECT_NE(refused(Consistency::eventual, 3, 4, 1, 0), "") << "more than there are";
  EXPECT_EQ(refused(Consistency::eventual, 3, 1, 1, 1), "");
}

const Version old_version{1, 7};
const Version new_version{2, 3};

TEST(ReadVote, ReturnsWhatEnoughNodesHold) {
  ReadVote vote(make_quorum(Consistency::strong, 3, 0, 0, 0));
  for (unsigned i = 0; i < 3; ++i) vote.asked(i);
  vote.heard(0, {new_version, "new"});
  EXPECT_EQ(vote.verdict(), Verdict::wait) << "1 of 2";
  vote.heard(1, {old_version, "old"});
  EXPECT_EQ(vote.verdict(), Verdict::wait) << "only one node has it";
  EXPECT_EQ(vote.to_write_back(), std::vector<unsigned>{1});
  vote.written_back(1);
  vote.confirmed(1, new_version);
  EXPECT_EQ(vote.verdict(), Verdict::done);
  EXPECT_EQ(vote.best().value, Found("new"));
}

TEST(ReadVote, ALaterAnswerMaySpareTheWriteBack) {
  ReadVote vote(make_quorum(Consistency::strong, 3, 0, 0, 0));
  for (unsigned i = 0; i < 3; ++i) vote.asked(i);
  vote.heard(0, {new_version, "new"});
  vote.heard(1, {old_version, "old"});
  vote.heard(2, {new_version, "new"});
  EXPECT_EQ(vote.verdict(), Verdict::done);
  EXPECT_TRUE(vote.is_behind(1));
}

TEST(ReadVote, OfOneVersionTheDeadCopyCounts) {
  ReadVote vote(make_quorum(Consistency::strong, 3, 0, 0, 0));
  for (unsigned i = 0; i < 3; ++i) vote.asked(i);
  vote.heard(0, {new_version, "lives here still"});
  vote.heard(1, {new_version, {}});
  EXPECT_EQ(vote.best().value, Found());
  EXPECT_EQ(vote.to_write_back(), std::vector<unsigned>{0});
}

TEST(ReadVote, FailsWhenTooFewCanAnswer) {
  ReadVote vote(make_quorum(Consistency::strong, 3, 0, 0, 0));
  for (unsigned i = 0; i < 3; ++i) vote.asked(i);
  vote.lost(0, Error(Errc::timed_out, "late"));
  EXPECT_EQ(vote.verdict(), Verdict::wait);
  vote.heard(2, {});
  vote.lost(1, Error(Errc::unavailable, "away"));
  EXPECT_EQ(vote.verdict(), Verdict::failed);
  EXPECT_EQ(vote.why("k"), Errc::timed_out);
  EXPECT_NE(vote.why("k").context.find("1 of 2 nodes that must answer did"), std::string::npos)
      << vote.why("k").context;
}

TEST(ReadVote, NothingAnywhereIsAMissAtOnce) {
  ReadVote vote(make_quorum(Consistency::strong, 3, 0, 0, 0));
  for (unsigned i = 0; i < 3; ++i) vote.asked(i);
  vote.heard(0, {});
  vote.heard(2, {});
  EXPECT_EQ(vote.verdict(), Verdict::done);
}

TEST(WriteVote, F26_TooFewConfirmationsAreUnknownNeverFailed) {
  const Quorum quorum = make_quorum(Consistency::strong, 3, 0, 0, 0);
  WriteVote confirmed_once(quorum);
  confirmed_once.confirmed();
  confirmed_once.lost(Error(Errc::unavailable, "away"));
  EXPECT_EQ(confirmed_once.verdict(), Verdict::wait);
  confirmed_once.lost(Error(Errc::unavailable, "away"));
  EXPECT_EQ(confirmed_once.verdict(), Verdict::failed);
  EXPECT_EQ(confirmed_once.why("k"), Errc::effect_unknown);

  WriteVote perhaps_there(quorum);
  for (const auto code : {Errc::unavailable, Errc::timed_out, Errc::unavailable})
    perhaps_there.lost(Error(code));
  EXPECT_EQ(perhaps_there.why("k"), Errc::effect_unknown);

  WriteVote nowhere(quorum);
  nowhere.lost(Error(Errc::unavailable));
  nowhere.lost(Error(Errc::unavailable));
  EXPECT_EQ(nowhere.verdict(), Verdict::wait) << "the third may have it";
  nowhere.lost(Error(Errc::unavailable));
  EXPECT_EQ(nowhere.why("k"), Errc::unavailable);

  WriteVote refused(quorum);
  for (int i = 0; i < 3; ++i) refused.lost(Error(Errc::value_too_large, "9 bytes"));
  EXPECT_EQ(refused.why("k"), Errc::value_too_large);
}

/// A node that is counted twice would pass for two.
TEST(Votes, EndTheProgramWhenANodeIsCountedTwice) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const Quorum quorum = make_quorum(Consistency::strong, 3, 0, 0, 0);
  WriteVote write(quorum);
  for (int i = 0; i < 3; ++i) write.confirmed();
  EXPECT_DEATH(write.confirmed(), "the assertion waiting_ > 0 does not hold");

  ReadVote read(quorum);
  read.asked(0);
  read.heard(0, {new_version, "new"});
  EXPECT_DEATH(read.heard(0, {new_version, "new"}), "State::asked does not hold");
}

}  // namespace
}  // namespace terrace::distribution
