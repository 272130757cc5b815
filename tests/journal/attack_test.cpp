/// Files that an attacker has placed in a journal's directory, or changed there.

#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <limits>

#include "base/words.hpp"
#include "journal/inspection.hpp"
#include "journal/journal_test.hpp"

namespace terrace::journal {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::uintmax_t tebibyte = std::uintmax_t{1} << 40;

/// No encryption, but a mark of a key, and an error for anything without it.
Sealing marked() {
  return {.seal = [](BytesView context, BytesView plain) { return "sealed" + Bytes(context) + Bytes(plain); },
          .open = [](BytesView context, BytesView sealed) -> Result<Bytes> {
            const Bytes begin = "sealed" + Bytes(context);
            if (!sealed.starts_with(begin)) return Error(Errc::denied, "no such key");
            return Bytes(sealed.substr(begin.size()));
          }};
}

class JournalAttack : public JournalTest {
 protected:
  void append_three() {
    const auto journal = open();
    for (const char* key : {"a", "b", "c"}) append(*journal, key, std::string("plain-") + key).value();
  }
  [[nodiscard]] std::uint64_t id() const {
    return FileName::parse(files(".log").back().filename().string())->id;
  }
  /// A name that would be the newest segment; of this journal, or of another one.
  [[nodiscard]] fs::path newest(std::uint64_t of) const {
    return fs::path(path()) / FileName{of, std::numeric_limits<std::uint64_t>::max() >> 2, ".log"}.text();
  }
};

TEST_F(JournalAttack, A12_RecordsThatAreNotSealedAreNotTakenOverWhereThereAreKeys) {
  append_three();
  auto journal = open({.sealing = marked()});
  EXPECT_TRUE(recovered.empty());
  ASSERT_EQ(journal->damage().size(), 1U);
  EXPECT_NE(journal->damage()[0].what.find("3 records are not sealed"), std::string::npos)
      << journal->damage()[0].what;
  EXPECT_EQ(journal->stats().damaged, 1U);
  const auto copies = files(".damaged");
  ASSERT_EQ(copies.size(), 1U);
  for (const char* value : {"plain-a", "plain-b", "plain-c"})
    EXPECT_NE(read_file(copies[0]).find(value), Bytes::npos);
  append(*journal, "d", "new").value();
  journal.reset();
  journal = open({.sealing = marked()});
  ASSERT_EQ(recovered.size(), 1U);
  EXPECT_EQ(recovered[0].stored, "new");
}

/// A record that someone added between sealed ones.
TEST_F(JournalAttack, A12_AForgedRecordIsPutAsideAndTheOthersAreKept) {
  open({.sealing = marked()})->close();
  auto journal = open({.sealing = marked()});
  const std::uint64_t first = append(*journal, "a", "1").value().version;
  journal.reset();
  Bytes forged;
  append_record(forged, id(), Change{.key = "a", .stored = "forged", .version = first + 1}, {});
  append_record(forged, id(), Change{.key = "b", .erased = true, .version = first + 2}, {});
  append_record(forged, id(), Change{.key = "c", .stored = "2", .version = first + 3}, marked());
  const fs::path last = files(".log").back();
  write_file(last, read_file(last) + forged);
  journal = open({.sealing = marked()});
  ASSERT_EQ(recovered.size(), 2U);
  EXPECT_EQ(recovered[0].stored, "1");
  EXPECT_EQ(recovered[1].stored, "2");
  EXPECT_EQ(journal->damage().size(), 1U);
}

TEST_F(JournalAttack, A12_WithoutKeysRecordsThatAreNotSealedAreUsual) {
  append_three();
  const auto journal = open();
  EXPECT_EQ(recovered.size(), 3U);
  EXPECT_TRUE(journal->damage().empty());
}

struct Placed {
  const char* name;
  void (*place)(const fs::path&);
};
void PrintTo(const Placed& placed, std::ostream* out) {
  *out << placed.name;
}

class JournalPlaced : public JournalAttack, public ::testing::WithParamInterface<Placed> {};

TEST_P(JournalPlaced, A12_WhatIsNoSegmentIsPutAside) {
  append_three();
  const std::vector<fs::path> places = {newest(id()), newest(id() ^ 1)};
  for (const fs::path& place : places) GetParam().place(place);
  EXPECT_NO_THROW((void)inspect(path()));
  const auto journal = open();
  EXPECT_EQ(recovered.size(), 3U);
  EXPECT_EQ(journal->damage().size(), 2U);
  for (const fs::path& place : places) {
    EXPECT_FALSE(fs::exists(fs::symlink_status(place)));
    EXPECT_TRUE(fs::exists(fs::symlink_status(fs::path(place) += ".damaged")));
  }
  EXPECT_TRUE(append(*journal, "d").has_value());
  EXPECT_NO_THROW((void)inspect(path()));
  journal->close();
  EXPECT_TRUE(open()->damage().empty());
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, JournalPlaced,
    ::testing::Values(Placed{"Fifo", [](const fs::path& at) { ASSERT_EQ(::mkfifo(at.c_str(), 0600), 0); }},
                      Placed{"LinkToADevice",
                             [](const fs::path& at) { fs::create_symlink("/dev/zero", at); }},
                      Placed{"LinkToNothing", [](const fs::path& at) { fs::create_symlink("nothing", at); }},
                      Placed{"Folder", [](const fs::path& at) { fs::create_directory(at); }},
                      Placed{"SparseTebibyte",
                             [](const fs::path& at) {
                               write_file(at, "");
                               fs::resize_file(at, tebibyte);
                             }}),
    [](const auto& param) { return std::string(param.param.name); });

/// Where the copy of damaged bytes is to be made.
TEST_F(JournalAttack, A12_WhatStandsWhereACopyIsMadeIsReplaced) {
  append_three();
  const fs::path last = files(".log").back();
  write_file(last, read_file(last) + Bytes(100, 'x'));
  const fs::path copy = fs::path(last) += "." + std::to_string(fs::file_size(last) - 100) + ".damaged";
  ASSERT_EQ(::mkfifo(copy.c_str(), 0600), 0);
  EXPECT_EQ(open()->damage().size(), 1U);
  EXPECT_EQ(recovered.size(), 3U);
  EXPECT_EQ(read_file(copy), Bytes(100, 'x'));
}

TEST_F(JournalAttack, A12_AFolderThatOthersMayWriteIsRefused) {
  append_three();
  for (const int mode : {0777, 01777, 0707, 0702}) {
    fs::permissions(path(), fs::perms(mode));
    const std::string why = refusal();
    EXPECT_NE(why.find(path()), std::string::npos) << why;
    EXPECT_NE(why.find("chmod 700"), std::string::npos) << why;
  }
  fs::permissions(path(), fs::perms(0755));
  open();
  EXPECT_EQ(recovered.size(), 3U);
}

TEST_F(JournalAttack, A12_AFolderOfSomeoneElseIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  append_three();
  ASSERT_EQ(::chown(path().c_str(), 65534, 65534), 0);
  EXPECT_NE(refusal().find("belongs to the user 65534"), std::string::npos);
  ASSERT_EQ(::chown(path().c_str(), 0, 65534), 0);
  fs::permissions(path(), fs::perms(0770));
  EXPECT_NE(refusal().find("group 65534"), std::string::npos);
  ASSERT_EQ(::chown(path().c_str(), 0, ::getegid()), 0);  // as a volume of Kubernetes with an fsGroup
  open();
  EXPECT_EQ(recovered.size(), 3U);
}

/// Correct heads, each with the rest of the file as its payload, and a wrong sum of it.
TEST_F(JournalAttack, A12_AScanTakesTimeInProportionToTheFile) {
  constexpr std::uint64_t of = 7;
  constexpr std::size_t size = 4 << 20;
  const auto sum = [](BytesView bytes) { return XXH3_64bits_withSeed(bytes.data(), bytes.size(), of); };
  Bytes file(header_size, '\0');
  while (file.size() < size) {
    Bytes head;
    terrace::append(head,
                    static_cast<std::uint32_t>(size - file.size() > 100 ? size - file.size() - 100 : 0));
    terrace::append(head, std::uint64_t{file.size()});
    terrace::append(head, std::uint64_t{0x1234});
    terrace::append(file, static_cast<std::uint32_t>(sum(head)));
    file += head;
  }
  append_record(file, of, Change{.key = "k", .stored = "v", .version = size * 2}, {});
  const TimePoint start = system_clock().now();
  const Scan found = scan(file, header_size, of, FileKind::segment);
  EXPECT_LT(system_clock().now() - start, 3s);
  EXPECT_EQ(found.records.size(), 1U) << "the sound record at the end";
}

}  // namespace
}  // namespace terrace::journal
