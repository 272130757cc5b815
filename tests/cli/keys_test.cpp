#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <terrace/key_ring.hpp>

#include "cli/program.hpp"

namespace terrace::cli_test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

class KeysTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return folder_.path("terrace.keys"); }
  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    out << std::ifstream(path()).rdbuf();
    return out.str();
  }
  [[nodiscard]] std::string generated() const {
    EXPECT_EQ(terrace({"keys", "generate", "--out", path()}).code, 0);
    return text();
  }
  [[nodiscard]] static std::string secret_in(const std::string& text) {
    return text.substr(text.rfind(' ') + 1, 44);
  }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_.path("")), {}));
  }
  TempFolder folder_;
};

TEST_F(KeysTest, GeneratePrintsARing) {
  const Ended ended = terrace({"keys", "generate"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_THAT(ended.err, IsEmpty());
  EXPECT_NO_THROW((void)KeyRing::parse(ended.out));
  EXPECT_NE(terrace({"keys", "generate"}).out, ended.out);
}

TEST_F(KeysTest, GenerateWritesAFileForItsOwnerOnly) {
  const mode_t before = ::umask(0);
  const Ended ended = terrace({"keys", "generate", "--out", path()});
  ::umask(before);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out + ended.err, IsEmpty());
  EXPECT_EQ(fs::status(path()).permissions(), fs::perms(0600));
  EXPECT_NO_THROW((void)KeyRing::from_file(path()));
  EXPECT_EQ(files(), 1U);
}

TEST_F(KeysTest, GenerateReplacesNothingUnlessAsked) {
  const std::string first = generated();
  const Ended refused = terrace({"keys", "generate", "--out", path()});
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("exists"));
  EXPECT_EQ(text(), first);
  EXPECT_EQ(files(), 1U) << "nothing is left over";
  EXPECT_EQ(terrace({"keys", "generate", "--out", path(), "--force"}).code, 0);
  EXPECT_NE(text(), first);
  EXPECT_EQ(fs::status(path()).permissions(), fs::perms(0600));
  EXPECT_EQ(terrace({"keys", "generate", "--force"}).code, 2);
}

TEST_F(KeysTest, GenerateTellsThatItCannotWrite) {
  const Ended ended = terrace({"keys", "generate", "--out", folder_.path("none/keys")});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, HasSubstr("No such file or directory"));
}

TEST_F(KeysTest, RotateTakesThreeSteps) {
  const std::string before = generated();
  const Ended added = terrace({"keys", "rotate", path(), "--add"});
  EXPECT_EQ(added.code, 0) << added.err;
  EXPECT_THAT(added.err, HasSubstr("--promote"));
  EXPECT_THAT(text(), MatchesRegex("# .*\n1 primary .*\n2 secondary .*\n"));
  EXPECT_TRUE(text().starts_with(before));
  EXPECT_THAT(terrace({"keys", "rotate", path(), "--promote"}).err, HasSubstr("--retire"));
  EXPECT_THAT(text(), MatchesRegex("# .*\n1 secondary .*\n2 primary .*\n"));
  EXPECT_EQ(terrace({"keys", "rotate", path(), "--retire"}).code, 0);
  EXPECT_THAT(text(), MatchesRegex("# .*\n1 retired .*\n2 primary .*\n"));
  EXPECT_EQ(fs::status(path()).permissions(), fs::perms(0600));
  EXPECT_EQ(files(), 1U);
}

TEST_F(KeysTest, RotateFollowsALink) {
  (void)generated();
  const std::string link = folder_.path("link");
  fs::create_symlink(path(), link);
  EXPECT_EQ(terrace({"keys", "rotate", link, "--add"}).code, 0);
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_THAT(text(), HasSubstr("\n2 secondary "));
}

TEST_F(KeysTest, RotateLeavesTheFileToItsOwner) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root rotates the files of others";
  constexpr uid_t other = 4242;
  (void)generated();
  ASSERT_EQ(::chown(path().c_str(), other, other), 0);
  EXPECT_EQ(terrace({"keys", "rotate", path(), "--add"}).code, 0);
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, other);
  EXPECT_EQ(status.st_gid, other);
}

TEST_F(KeysTest, RotateRefusesAndChangesNothing) {
  const std::string before = generated();
  const auto refusal = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"keys", "rotate"});
    const Ended ended = terrace(arguments);
    EXPECT_EQ(ended.code, 2);
    EXPECT_THAT(ended.out, IsEmpty());
    EXPECT_THAT(ended.err, Not(HasSubstr(secret_in(before))));
    EXPECT_EQ(text(), before);
    return ended.err;
  };
  EXPECT_THAT(refusal({path()}), HasSubstr("--add,--promote,--retire"));
  EXPECT_THAT(refusal({path(), "--add", "--promote"}), HasSubstr("2 were given"));
  EXPECT_THAT(refusal({path(), "--promote"}), HasSubstr("add one first"));
  EXPECT_THAT(refusal({path(), "--retire"}), HasSubstr("nothing to retire"));
  EXPECT_THAT(refusal({folder_.path("none"), "--add"}), HasSubstr("No such file"));
  fs::permissions(path(), fs::perms(0644));
  EXPECT_THAT(refusal({path(), "--add"}), HasSubstr("chmod 600"));
}

}  // namespace
}  // namespace terrace::cli_test
