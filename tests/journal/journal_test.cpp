#include "journal/journal_test.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "journal/serial_thread.hpp"

namespace terrace::journal {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

TEST_F(JournalTest, WhatIsNotDoneComesBack) {
  auto journal = open();
  EXPECT_TRUE(recovered.empty());
  const Change set{.key = "a", .stored = std::string("\0\xff", 2), .expires = WallTime(123456789ms)};
  const Change first = append(*journal, set).value();
  const Change second = append(*journal, Change{.key = "b", .erased = true}).value();
  const Change third = append(*journal, "c").value();
  EXPECT_EQ(first.stored, set.stored);
  EXPECT_LT(first.version, second.version);
  journal->done({second.version});
  journal->close();
  EXPECT_EQ(append(*journal, "d").error(), Errc::shutdown);
  journal = open();
  EXPECT_EQ(recovered, (std::vector<Change>{first, third}));
  EXPECT_EQ(journal->stats().damaged, 0U);
}

TEST_F(JournalTest, NumbersNeverRepeat) {
  std::uint64_t last = 0;
  for (int round = 0; round < 5; ++round) {
    const auto journal = open({.segment_bytes = 200, .first = 1000});
    EXPECT_TRUE(recovered.empty());
    for (int i = 0; i < 10; ++i) {
      const std::uint64_t version = append(*journal, "key").value().version;
      EXPECT_GT(version, last);
      last = version;
      journal->done({version});
    }
    EXPECT_LE(files(".log").size(), 2U) << "what is done is removed";
  }
}

TEST_F(JournalTest, ATheNewestSegmentStaysAlthoughAllIsDone) {
  auto journal = open({.first = 77});
  EXPECT_EQ(append(*journal, "a").value().version, 77U);
  journal->done({77});
  journal.reset();
  journal = open({.first = 77});
  EXPECT_EQ(files(".log").size(), 1U);
  EXPECT_GT(append(*journal, "a").value().version, 77U);
}

TEST_F(JournalTest, SegmentsGoFromTheOldestOn) {
  const auto journal = open({.segment_bytes = 200});
  std::vector<std::uint64_t> versions;
  for (int i = 0; i < 30; ++i) versions.push_back(append(*journal, "key").value().version);
  const auto before = files(".log");
  EXPECT_GT(before.size(), 5U);
  journal->done({versions.begin() + 1, versions.end()});
  EXPECT_GE(files(".log").size(), before.size()) << "an erase must not go before what it erases";
  journal->done({versions[0]});
  EXPECT_LE(files(".log").size(), 2U);
  std::uint64_t bytes = 0;
  for (const auto& file : files(".log")) bytes += fs::file_size(file);
  EXPECT_EQ(journal->stats().bytes, bytes);
  EXPECT_EQ(journal->stats().segments, files(".log").size());
}

TEST_F(JournalTest, OnlyItsOwnerMayReadIt) {
  const auto journal = open();
  append(*journal, "a").value();
  journal->bury({.key = "b", .version = 1}, "why", [](const auto&) {});
  struct stat about {};
  ASSERT_EQ(::stat(path().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0700U);
  for (const auto& file : fs::directory_iterator(path())) {
    ASSERT_EQ(::stat(file.path().c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600U) << file.path();
  }
}

TEST_F(JournalTest, ASecondOpenerIsRefused) {
  auto journal = open();
  EXPECT_NE(refusal().find("in use"), std::string::npos);
  journal->close();
  open();
}

TEST_F(JournalTest, ImpossiblePathsAreRefused) {
  EXPECT_NE(refusal({.path = folder.file("no/journal")}).find("no/journal"), std::string::npos);
  write_file(folder.file("file"), "x");
  EXPECT_NE(refusal({.path = folder.file("file")}).find("Not a directory"), std::string::npos);
  EXPECT_NE(refusal({.path = "/proc/journal"}).find("/proc/journal"), std::string::npos);
}

TEST_F(JournalTest, F40_AForkedChildIsTold) {
  const auto journal = open();
  append(*journal, "a").value();
  const pid_t child = ::fork();
  if (child == 0) {
    const bool told = journal->forked();
    journal->close();  // must neither hang nor write
    ::_exit(told ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_FALSE(journal->forked());
  append(*journal, "b").value();
}

TEST_F(JournalTest, DeadLettersAreWrittenAside) {
  auto journal = open();
  const Change poison =
      append(*journal, Change{.key = "bad", .stored = "v", .expires = WallTime(5ms)}).value();
  Result<Change> buried = Error(Errc::timed_out);
  journal->bury(poison, "CHECK failed", [&](Result<Change> outcome) { buried = std::move(outcome); });
  EXPECT_EQ(buried.value(), poison);
  EXPECT_EQ(journal->stats().dead_letters, 1U);
  journal.reset();
  open();
  EXPECT_TRUE(recovered.empty());
  ASSERT_EQ(files(".dead").size(), 1U);
  const Bytes file = read_file(files(".dead")[0]);
  const FileHeader header = decode_header(file).value();
  EXPECT_EQ(header.kind, FileKind::dead_letters);
  const Scan scanned = scan(file, header_size, header.id, header.kind);
  ASSERT_EQ(scanned.records.size(), 1U);
  const auto content = decode(scanned.records[0], header.id, {}).value();
  EXPECT_EQ(std::get<DeadLetter>(content), (DeadLetter{poison, "CHECK failed"}));
}

/// Holds syncs until told to go on.
class GatedDisk final : public Disk {
 public:
  int sync(int file) override {
    ++begun;
    open.wait(false);
    return Disk::sync(file);
  }
  std::atomic<int> begun{0};
  std::atomic<bool> open{true};
};

TEST_F(JournalTest, AppendsShareASyncAndAreAnsweredAfterIt) {
  GatedDisk disk;
  SerialThread thread;
  const auto journal = open({.run = [&](Task task) { thread.run(std::move(task)); }, .disk = &disk});
  disk.begun = 0;
  disk.open = false;
  std::atomic<int> answered{0};
  const auto append_one = [&] {
    journal->append({.key = "k"}, [&](const Result<Change>& outcome) {
      EXPECT_TRUE(outcome);
      ++answered;
    });
  };
  append_one();
  ASSERT_TRUE(testing::eventually([&] { return disk.begun > 0; }));
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back(append_one);
  for (auto& t : threads) t.join();
  EXPECT_EQ(answered, 0);
  disk.open = true;
  disk.open.notify_all();
  journal->close();
  EXPECT_EQ(answered, 9);
  EXPECT_EQ(journal->stats().syncs, 2U);
  EXPECT_EQ(journal->stats().appended, 9U);
}

TEST_F(JournalTest, TheQuickVariantDoesNotSync) {
  GatedDisk disk;
  const auto journal = open({.sync = JournalSync::os_cache, .disk = &disk});
  disk.begun = 0;
  append(*journal, "a").value();
  EXPECT_EQ(disk.begun, 0);
  EXPECT_EQ(journal->stats().syncs, 0U);
}

/// Not a cipher: it shows that payloads pass through the hook and are bound to their place.
Sealing toy_seal(char key) {
  const auto mix = [key](BytesView bytes) {
    Bytes out(bytes);
    for (char& c : out) c = static_cast<char>(c ^ key);
    return out;
  };
  return {.seal = [mix](BytesView context, BytesView plain) { return mix(Bytes(context) + Bytes(plain)); },
          .open = [mix](BytesView context, BytesView sealed) -> Result<Bytes> {
            const Bytes opened = mix(sealed);
            if (!opened.starts_with(context)) return Error(Errc::denied, "no such key");
            return opened.substr(context.size());
          }};
}

TEST_F(JournalTest, PayloadsAreSealedWhereThereAreKeys) {
  auto journal = open({.sealing = toy_seal('x')});
  append(*journal, "secret-key", "secret-value").value();
  journal->bury({.key = "secret-key", .version = 9}, "secret-reason", [](const auto&) {});
  journal.reset();
  for (const auto& file : fs::directory_iterator(path()))
    EXPECT_EQ(read_file(file.path()).find("secret"), Bytes::npos);
  EXPECT_NE(refusal().find("no keys"), std::string::npos);
  EXPECT_NE(refusal({.sealing = toy_seal('y')}).find("no such key"), std::string::npos);
  open({.sealing = toy_seal('x')});
  ASSERT_EQ(recovered.size(), 1U);
  EXPECT_EQ(recovered[0].stored, "secret-value");
}

/// Random appends, marks and crashes against a plain list of what is pending.
TEST_F(JournalTest, AgreesWithAModelThroughCrashes) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
  const JournalOptions options{.sync = JournalSync::os_cache, .segment_bytes = 400};
  std::map<std::uint64_t, Change> pending;
  std::uint64_t last = 0;
  auto journal = open(options);
  for (int step = 0; step < 3000; ++step) {
    if (chance(50)) {
      Change change{.key = "k" + std::to_string(random() % 20), .stored = Bytes(random() % 60, 'v')};
      if (chance(20)) change = {.key = change.key, .erased = true};
      const Change appended = append(*journal, change).value();
      ASSERT_GT(appended.version, last);
      last = appended.version;
      pending.emplace(last, appended);
    } else if (!pending.empty() && chance(90)) {
      std::vector<std::uint64_t> done;
      for (std::uint64_t n = 1 + random() % 5; n > 0 && !pending.empty(); --n) {
        const auto at = std::next(pending.begin(), static_cast<std::ptrdiff_t>(random() % pending.size()));
        done.push_back(at->first);
        pending.erase(at);
      }
      journal->done(done);
    } else if (chance(20)) {
      // What a kill -9 leaves: the files as they are now.
      const std::string copy = folder.file("copy");
      fs::copy(path(), copy);
      journal->close();
      fs::remove_all(path());
      fs::rename(copy, path());
      journal = open(options);
      std::vector<Change> expected;
      for (const auto& [version, change] : pending) expected.push_back(change);
      ASSERT_EQ(recovered, expected);
      ASSERT_EQ(journal->stats().damaged, 0U);
    }
  }
}

}  // namespace
}  // namespace terrace::journal
