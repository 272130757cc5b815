/// Disks that are full or fail.

#include <sys/mount.h>

#include <cerrno>
#include <cstring>

#include "journal/journal_test.hpp"

namespace terrace::journal {
namespace {

/// Fails from the given call on.
class FailingDisk final : public Disk {
 public:
  ssize_t write(int file, const char* data, std::size_t size) override {
    if (writes_left-- > 0) return Disk::write(file, data, size);
    errno = ENOSPC;
    return -1;
  }
  int sync(int file) override {
    ++syncs;
    if (syncs_left-- > 0) return Disk::sync(file);
    errno = EIO;
    return -1;
  }
  int writes_left = 1 << 20, syncs_left = 1 << 20, syncs = 0;
};

TEST_F(JournalTest, F43_AFailedSyncStopsTheJournalAndIsNotRepeated) {
  FailingDisk disk;
  auto journal = open({.disk = &disk});
  const Change kept = append(*journal, "kept").value();
  disk.syncs_left = 0;
  disk.syncs = 0;
  const auto failed = append(*journal, "lost");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error(), Errc::io_error);
  EXPECT_NE(failed.error().context.find("Input/output error"), std::string::npos) << failed.error().context;
  EXPECT_EQ(disk.syncs, 1);

  disk.syncs_left = 1 << 20;  // the disk is well again, but nobody knows what it has dropped
  for (int i = 0; i < 3; ++i) {
    const auto refused = append(*journal, "later");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().context, failed.error().context);
  }
  journal->done({kept.version});
  journal->close();
  EXPECT_EQ(disk.syncs, 1);

  journal = open();
  ASSERT_FALSE(recovered.empty());
  EXPECT_EQ(recovered[0], kept);
  EXPECT_TRUE(append(*journal, "again"));
}

TEST_F(JournalTest, F43_AFailedWriteStopsTheJournal) {
  for (const int writes : {0, 1, 2}) {
    FailingDisk disk;
    auto journal = open({.segment_bytes = 1, .disk = &disk});  // a segment for each record
    const Change kept = append(*journal, "kept").value();
    disk.writes_left = writes;
    int taken = 0;
    while (append(*journal, "more")) ++taken;
    EXPECT_EQ(taken, writes / 2);
    EXPECT_FALSE(append(*journal, "later"));
    journal.reset();
    open();
    EXPECT_EQ(recovered.at(0), kept);
    EXPECT_GE(recovered.size(), 1U + static_cast<std::size_t>(taken));
    std::filesystem::remove_all(path());
  }
}

/// A small file system of its own; root only.
class SmallDisk {
 public:
  explicit SmallDisk(std::string path) : path_(std::move(path)) {
    std::filesystem::create_directory(path_);
    mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=1m") == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  [[nodiscard]] bool mounted() const noexcept { return mounted_; }

 private:
  std::string path_;
  bool mounted_ = false;
};

TEST_F(JournalTest, F43_AFullDiskLosesNothingThatWasAcknowledged) {
  const SmallDisk disk(folder.file("small"));
  if (!disk.mounted()) GTEST_SKIP() << "cannot mount a tmpfs: " << std::strerror(errno);
  const JournalOptions options{.path = folder.file("small/journal"), .segment_bytes = 64 << 10};
  auto journal = open(options);
  std::vector<Change> acknowledged;
  std::optional<Error> refused;
  while (!refused) {
    auto outcome = append(*journal, "key", Bytes(1000, 'v'));
    if (outcome) {
      acknowledged.push_back(*std::move(outcome));
    } else {
      refused = outcome.error();
    }
  }
  EXPECT_NE(refused->context.find("No space left"), std::string::npos) << refused->context;
  EXPECT_GT(acknowledged.size(), 800U);
  EXPECT_EQ(append(*journal, "key").error().context, refused->context);
  journal.reset();
  EXPECT_NE(refusal(options).find("No space left"), std::string::npos) << "a new segment has no place";

  ASSERT_EQ(::mount("tmpfs", folder.file("small").c_str(), "tmpfs", MS_REMOUNT, "size=4m"), 0);
  journal = open(options);
  ASSERT_GE(recovered.size(), acknowledged.size());
  recovered.resize(acknowledged.size());
  EXPECT_EQ(recovered, acknowledged);
  EXPECT_TRUE(append(*journal, "key"));
  journal.reset();
}

}  // namespace
}  // namespace terrace::journal
