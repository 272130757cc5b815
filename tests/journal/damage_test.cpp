/// Journals that were cut, flipped, or robbed of files.

#include <xxhash.h>

#include <map>
#include <set>

#include "base/words.hpp"
#include "journal/journal_test.hpp"

namespace terrace::journal {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class JournalDamage : public JournalTest {
 protected:
  void SetUp() override {
    const auto journal = open({.segment_bytes = 260, .first = 100});
    for (int i = 0; i < 9; ++i) {
      Change change{.key = "key" + std::to_string(i), .stored = Bytes(static_cast<std::size_t>(i) * 5, 'v')};
      if (i % 3 == 1) change.expires = WallTime(1'000'000ms);
      if (i % 4 == 3) change = {.key = change.key, .erased = true};
      const Change appended = append(*journal, change).value();
      originals.emplace(appended.version, appended);
      if (i == 4) journal->done({appended.version});
    }
    journal->close();
    for (const auto& file : files(".log")) whole.emplace(file.filename(), read_file(file));
    ASSERT_GE(whole.size(), 3U);
    open();
    pending = recovered;
    ASSERT_EQ(pending.size(), 8U);
  }

  /// Opens a copy in which one file is replaced.
  std::shared_ptr<Journal> open_with(const std::string& name, BytesView bytes) {
    fs::remove_all(path());
    fs::create_directory(path());
    for (const auto& [other, content] : whole) write_file(fs::path(path()) / other, content);
    write_file(fs::path(path()) / name, bytes);
    return open({.disk = &disk});
  }

  /// Every change that was told is one that was written.
  void expect_no_wrong_record() {
    for (const Change& change : recovered) {
      ASSERT_TRUE(originals.contains(change.version)) << change.version;
      ASSERT_EQ(change, originals.at(change.version));
    }
    ASSERT_TRUE(std::is_sorted(recovered.begin(), recovered.end(),
                               [](auto& a, auto& b) { return a.version < b.version; }));
  }

  /// The pending changes whose records lie outside [from, to) of the file.
  [[nodiscard]] std::set<std::uint64_t> untouched(const std::string& name, std::size_t from,
                                                  std::size_t to) const {
    std::set<std::uint64_t> versions;
    for (const Change& change : pending) versions.insert(change.version);
    const FileName parsed = *FileName::parse(name);
    for (const auto& record :
         scan(whole.at(name), header_size, parsed.id, FileKind::segment, parsed.number).records)
      if (record.offset < to && record.end() > from) versions.erase(record.sequence);
    return versions;
  }

  [[nodiscard]] std::set<std::uint64_t> told() const {
    std::set<std::uint64_t> versions;
    for (const Change& change : recovered) versions.insert(change.version);
    return versions;
  }

  /// Thousands of journals are opened here: no waiting for the disk.
  struct : Disk {
    int sync(int) override { return 0; }
  } disk;
  std::map<std::uint64_t, Change> originals;  // every change that was appended
  std::vector<Change> pending;
  std::map<std::string, Bytes> whole;
};

TEST_F(JournalDamage, F42_CutAtEveryByte) {
  for (const auto& [name, bytes] : whole) {
    const bool last = name == whole.rbegin()->first;
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      SCOPED_TRACE(name + " cut at " + std::to_string(cut));
      const auto journal = open_with(name, bytes.substr(0, cut));
      expect_no_wrong_record();
      const auto expected = untouched(name, cut, bytes.size());
      const auto found = told();
      ASSERT_TRUE(std::includes(found.begin(), found.end(), expected.begin(), expected.end()));
      if (last) {
        ASSERT_EQ(journal->stats().damaged, 0U) << "a torn tail";
      } else {
        ASSERT_GT(journal->stats().damaged, 0U) << "records are missing inside";
      }
      const Change next = append(*journal, "next").value();
      ASSERT_GT(next.version, originals.rbegin()->first);
    }
  }
}

TEST_F(JournalDamage, F42_EveryByteFlipped) {
  for (const auto& [name, bytes] : whole) {
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      for (const unsigned flip : {1U << (at % 8), 0xffU}) {
        SCOPED_TRACE(name + " flipped at " + std::to_string(at));
        Bytes flipped = bytes;
        flipped[at] = static_cast<char>(static_cast<unsigned char>(flipped[at]) ^ flip);
        const auto journal = open_with(name, flipped);
        expect_no_wrong_record();
        const auto expected = untouched(name, at, at + 1);
        const auto found = told();
        ASSERT_TRUE(std::includes(found.begin(), found.end(), expected.begin(), expected.end()));
        ASSERT_GE(journal->stats().damaged, 1U);
        ASSERT_NE(journal->damage()[0].where.find(name), std::string::npos);
        ASSERT_EQ(files(".damaged").size(), 1U);
        ASSERT_NE(flipped.find(read_file(files(".damaged")[0])), Bytes::npos);
      }
    }
  }
}

/// The control: the same files read without looking at the checksums. It must be caught.
TEST_F(JournalDamage, F42_AReaderWithoutChecksumsTellsWrongRecords) {
  int wrong = 0;
  for (const auto& [name, bytes] : whole) {
    for (std::size_t at = header_size; at < bytes.size(); ++at) {
      Bytes flipped = bytes;
      flipped[at] ^= 1;
      Reader reader(BytesView(flipped).substr(header_size));
      std::uint32_t check = 0, size = 0;
      std::uint64_t sum = 0;
      RecordView record;
      while (reader.take(check) && reader.take(size) && reader.take(record.sequence) && reader.take(sum) &&
             reader.take(size, record.payload)) {
        const auto content = decode(record, 0, {});
        const auto* change = content ? std::get_if<Change>(&*content) : nullptr;
        if (change == nullptr) continue;
        const auto original = originals.find(change->version);
        if (original == originals.end() || original->second != *change) ++wrong;
      }
    }
  }
  EXPECT_GT(wrong, 100);
}

TEST_F(JournalDamage, ZerosAtTheEndAreATornTail) {
  const auto& [name, bytes] = *whole.rbegin();
  const auto journal = open_with(name, bytes + Bytes(5000, '\0'));
  EXPECT_EQ(recovered, pending);
  EXPECT_EQ(journal->stats().torn_bytes, 5000U);
  EXPECT_EQ(journal->stats().damaged, 0U);
  EXPECT_EQ(fs::file_size(fs::path(path()) / name), bytes.size());
}

TEST_F(JournalDamage, GarbageAtTheEndIsPutAside) {
  const auto& [name, bytes] = *whole.rbegin();
  const auto journal = open_with(name, bytes + Bytes(100, 'g'));
  EXPECT_EQ(recovered, pending);
  EXPECT_EQ(journal->stats().damaged, 1U);
  ASSERT_EQ(files(".damaged").size(), 1U);
  EXPECT_EQ(read_file(files(".damaged")[0]), Bytes(100, 'g'));
  journal->close();
  EXPECT_EQ(open()->stats().damaged, 1U) << "told as long as it is there";
  EXPECT_EQ(files(".damaged").size(), 1U);
}

TEST_F(JournalDamage, AMissingSegmentIsReported) {
  for (const auto& [name, bytes] : whole) {
    if (name == whole.rbegin()->first) continue;  // nothing tells of the last
    open_with(name, bytes)->close();
    fs::remove_all(path());
    fs::create_directory(path());
    for (const auto& [other, content] : whole)
      if (other != name) write_file(fs::path(path()) / other, content);
    const auto journal = open();
    expect_no_wrong_record();
    const auto expected = untouched(name, 0, bytes.size()), found = told();
    EXPECT_TRUE(std::includes(found.begin(), found.end(), expected.begin(), expected.end()));
    ASSERT_EQ(journal->stats().damaged, 1U) << name;
    EXPECT_NE(journal->damage()[0].what.find("missing"), std::string::npos);
  }
}

TEST_F(JournalDamage, AForeignSegmentIsPutAsideWhole) {
  const Bytes foreign = encode(FileHeader{.id = 99, .first = 5, .follows = 5, .watermark = 5});
  const std::string foreign_name = FileName{99, 5, ".log"}.text();
  auto journal = open_with(foreign_name, foreign);
  EXPECT_EQ(recovered, pending);
  EXPECT_EQ(journal->stats().damaged, 1U);
  EXPECT_EQ(files(".damaged"), (std::vector<fs::path>{fs::path(path()) / (foreign_name + ".damaged")}));
  journal.reset();

  // Another segment's bytes under the name of one of ours.
  journal = open_with(whole.begin()->first, whole.rbegin()->second);
  expect_no_wrong_record();
  EXPECT_GE(journal->stats().damaged, 1U);
}

TEST_F(JournalDamage, ANewerFormatIsRefused) {
  const auto& [name, bytes] = *whole.begin();
  Bytes newer = bytes;
  newer[8] = 2;
  Bytes sum;
  terrace::append(sum, std::uint64_t{XXH3_64bits(newer.data(), header_size - sizeof(XXH64_hash_t))});
  newer.replace(header_size - sum.size(), sum.size(), sum);
  try {
    open_with(name, newer);
    FAIL() << "it opened";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("format 2"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace terrace::journal
