/// `terrace journal inspect` on journals of every condition.

#include "journal/journal.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "cli/program.hpp"

namespace terrace::cli {
namespace {

using cli_test::Ended;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class JournalCommand : public ::testing::Test {
 protected:
  std::shared_ptr<journal::Journal> open(journal::Sealing sealing = {}) {
    return journal::Journal::open(
        {.path = path, .run = [](Task task) { task(); }, .first = 41, .sealing = std::move(sealing)},
        [](const auto&) {});
  }
  static journal::Change append(journal::Journal& journal, journal::Change change) {
    journal.append(std::move(change), [&](Result<journal::Change> outcome) { change = outcome.value(); });
    return change;
  }
  [[nodiscard]] Ended inspect(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments{"journal", "inspect", path};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return cli_test::terrace(arguments);
  }

  cli_test::TempFolder folder;
  std::string path = folder.path("journal");
};

TEST_F(JournalCommand, ListsAJournalInUse) {
  const auto journal = open();
  append(*journal,
         {.key = "user:1", .stored = "secret", .expires = WallTime(std::chrono::seconds(1'700'000'000))});
  const auto gone = append(*journal, {.key = "user:2\n", .erased = true});
  const auto poison = append(*journal, {.key = "user:3", .stored = "v"});
  journal->done({gone.version});
  journal->bury(poison, "CHECK\nfailed: é", [](const auto&) {});

  const Ended ended = inspect();
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, ContainsRegex("41 +pending +set +\"user:1\" +6 +2023-11-14T22:13:20Z"));
  EXPECT_THAT(ended.out, ContainsRegex("42 +done +erase +\"user:2.x0a\" +0 +-"));
  EXPECT_THAT(ended.out, ContainsRegex("43 +done +set +\"user:3\""));
  EXPECT_THAT(ended.out, ContainsRegex("43 +set +\"user:3\" +CHECK.failed: é +1"));
  EXPECT_THAT(ended.out, Not(HasSubstr("secret")));
  const Ended counts = inspect({"--summary"});
  EXPECT_THAT(counts.out, HasSubstr("segments 1\n"));
  EXPECT_THAT(counts.out, HasSubstr("changes 3\npending 1\ndead_letters 1\ndamaged 0\nput_aside 0\n"));
}

TEST_F(JournalCommand, TellsDamageAndChangesNothing) {
  append(*open(), {.key = "a", .stored = "v"});
  const std::filesystem::path file = std::filesystem::directory_iterator(path)->path();
  std::ofstream(file, std::ios::binary | std::ios::app) << std::string(100, 'g');
  const auto size = std::filesystem::file_size(file);
  const Ended ended = inspect();
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, HasSubstr("damaged: " + file.filename().string()));
  EXPECT_EQ(std::filesystem::file_size(file), size);
  open();
  EXPECT_THAT(inspect().out, HasSubstr("put aside: " + file.filename().string()));
}

TEST_F(JournalCommand, A12_NamesOfPlacedFilesCannotControlTheTerminal) {
  open()->close();
  for (const std::string& name : {std::string("a\x1b[2J.damaged"), std::string("b\xc2\x9b"
                                                                               "2J.damaged")})
    std::ofstream(path + "/" + name) << "x";
  ASSERT_EQ(::mkfifo((path + "/fifo.damaged").c_str(), 0600), 0);
  const Ended ended = inspect();
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_THAT(ended.out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(ended.out, Not(HasSubstr("\xc2\x9b")));
  EXPECT_THAT(ended.out, HasSubstr("put aside: a?[2J.damaged: 1 bytes"));
  EXPECT_THAT(ended.out, HasSubstr("put aside: b?2J.damaged: 1 bytes"));
  EXPECT_THAT(ended.out, HasSubstr("put aside: fifo.damaged (is no regular file)"));
}

TEST_F(JournalCommand, SealedRecordsStaySealed) {
  const journal::Sealing sealing{.seal = [](BytesView, BytesView plain) { return Bytes(plain); },
                                 .open = [](BytesView, BytesView) -> Result<Bytes> { return Bytes(); }};
  append(*open(sealing), {.key = "user:1", .stored = "v"});
  const Ended ended = inspect();
  EXPECT_THAT(ended.out, HasSubstr("(sealed)"));
  EXPECT_THAT(ended.out, Not(HasSubstr("user:1")));
}

TEST_F(JournalCommand, BadInputIsRefused) {
  const Ended absent = inspect();
  EXPECT_EQ(absent.code, 2);
  EXPECT_THAT(absent.err, HasSubstr("No such file"));
  std::filesystem::create_directory(path);
  const Ended empty = inspect();
  EXPECT_EQ(empty.code, 2);
  EXPECT_THAT(empty.err, HasSubstr("is not a journal"));
  EXPECT_EQ(cli_test::terrace({"journal"}).code, 2);
  EXPECT_EQ(cli_test::terrace({"journal", "inspect"}).code, 2);
  EXPECT_EQ(cli_test::terrace({"journal", "inspect", folder.file("file", "x")}).code, 2);
}

}  // namespace
}  // namespace terrace::cli
