/// Files that an attacker has placed where a snapshot is written or read.

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <limits>

#include "snapshot/format.hpp"
#include "snapshot/support.hpp"

namespace terrace {
namespace {

namespace fs = std::filesystem;

class SnapshotAttack : public ::testing::Test {
 protected:
  SnapshotAttack() { cache_.set("a", "1"); }

  void expect_sound() {
    struct stat status {};
    ASSERT_EQ(::lstat(file_.c_str(), &status), 0);
    EXPECT_TRUE(S_ISREG(status.st_mode));
    EXPECT_EQ(status.st_mode & 07777U, 0600U);
    EXPECT_EQ(status.st_uid, ::geteuid());
    EXPECT_EQ(status.st_nlink, 1U);
    Texts loaded;
    ASSERT_TRUE(load_snapshot(loaded, file_));
    EXPECT_EQ(loaded.get("a"), "1");
  }

  const testing::TempDir place_;
  const fs::path file_ = place_.path() / "texts.snapshot";
  const fs::path draft_ = file_.string() + ".new";
  const fs::path victim_ = place_.path() / "victim";
  Texts cache_;
};

struct Placed {
  const char* name;
  bool needs_root;
  void (*place)(const fs::path& draft, const fs::path& victim);
};
void PrintTo(const Placed& placed, std::ostream* out) {
  *out << placed.name;
}

class SnapshotDraft : public SnapshotAttack, public ::testing::WithParamInterface<Placed> {};

TEST_P(SnapshotDraft, A13_WhatStandsWhereTheDraftIsMadeIsNotUsed) {
  if (GetParam().needs_root && ::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  write_bytes(victim_, "precious");
  GetParam().place(draft_, victim_);
  const auto saved = save_snapshot(cache_, file_);
  ASSERT_TRUE(saved.has_value()) << saved.error().message();
  expect_sound();
  EXPECT_EQ(bytes_of(victim_), "precious");
  EXPECT_FALSE(fs::exists(fs::symlink_status(draft_)));
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, SnapshotDraft,
    ::testing::Values(
        Placed{"DraftOfAKilledProgram", false,
               [](const fs::path& draft, const fs::path&) {
                 write_bytes(draft, "half a snapshot");
                 fs::permissions(draft, fs::perms(0600));
               }},
        Placed{"Mode0666", false,
               [](const fs::path& draft, const fs::path&) {
                 write_bytes(draft, "");
                 fs::permissions(draft, fs::perms(0666));
               }},
        Placed{"ForeignOwner", true,
               [](const fs::path& draft, const fs::path&) {
                 write_bytes(draft, "");
                 fs::permissions(draft, fs::perms(0666));
                 ASSERT_EQ(::chown(draft.c_str(), 65534, 65534), 0);
               }},
        Placed{"HardLink", false,
               [](const fs::path& draft, const fs::path& victim) { fs::create_hard_link(victim, draft); }},
        Placed{"SymbolicLink", false,
               [](const fs::path& draft, const fs::path& victim) { fs::create_symlink(victim, draft); }},
        Placed{"LinkToADevice", false,
               [](const fs::path& draft, const fs::path&) { fs::create_symlink("/dev/full", draft); }},
        Placed{"Fifo", false,
               [](const fs::path& draft, const fs::path&) { ASSERT_EQ(::mkfifo(draft.c_str(), 0666), 0); }}),
    [](const auto& param) { return std::string(param.param.name); });

TEST_F(SnapshotAttack, A13_AFolderWhereTheDraftIsMadeIsAnError) {
  fs::create_directory(draft_);
  const auto saved = save_snapshot(cache_, file_);
  ASSERT_FALSE(saved.has_value());
  EXPECT_NE(saved.error().context.find(draft_.string()), std::string::npos) << saved.error().message();
  EXPECT_TRUE(fs::exists(draft_));
}

/// A lock on a file of someone else, or on a hard link, does not prevent snapshots.
TEST_F(SnapshotAttack, A13_OnlyALockOnAnOwnDraftCounts) {
  write_bytes(victim_, "precious");
  fs::create_hard_link(victim_, draft_);
  const int held = ::open(victim_.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::flock(held, LOCK_EX), 0);
  EXPECT_TRUE(save_snapshot(cache_, file_).has_value());
  ::close(held);
  expect_sound();
  write_bytes(draft_, "");
  fs::permissions(draft_, fs::perms(0600));
  const int own = ::open(draft_.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::flock(own, LOCK_EX), 0);
  EXPECT_NE(save_snapshot(cache_, file_).error().context.find("another snapshot"), std::string::npos);
  ::close(own);
}

TEST_F(SnapshotAttack, A13_WhatIsNoFileIsNotReadAndNotWaitedFor) {
  const auto refusal = [&] {
    Texts loaded;
    const auto report = load_snapshot(loaded, file_);
    return report ? std::string("it was loaded") : report.error().context;
  };
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  EXPECT_NE(refusal().find("is not a file"), std::string::npos);
  fs::remove(file_);
  fs::create_symlink("/dev/zero", file_);
  EXPECT_NE(refusal().find("is not a file"), std::string::npos);
  fs::remove(file_);
  fs::create_directory(file_);
  EXPECT_NE(refusal().find("is not a file"), std::string::npos);
}

/// No memory is taken for what a head of a block promises.
TEST_F(SnapshotAttack, A13_ABlockLargerThanAnyIsRefusedBeforeItIsRead) {
  std::string bytes = snapshot::header_bytes({snapshot::types_of<std::string, std::string>(), WallTime()});
  snapshot::append_block_head(bytes, {0xFFFFFFFFU, 1, 0});
  write_bytes(file_, bytes);
  fs::resize_file(file_, std::uintmax_t{1} << 40);
  Texts loaded;
  const auto report = load_snapshot(loaded, file_);
  ASSERT_FALSE(report.has_value());
  EXPECT_NE(report.error().context.find("larger than any"), std::string::npos) << report.error().message();
}

std::string encoded(const std::string& text) {
  std::string bytes;
  (void)Codec<std::string>::encode(text, bytes);
  return bytes;
}

TEST_F(SnapshotAttack, A13_AnyTimeOfTheSaveIsPossible) {
  struct Case {
    std::int64_t saved_at;
    bool alive;
  };
  for (const auto& [saved_at, alive] :
       {Case{std::numeric_limits<std::int64_t>::min(), false},
        Case{std::numeric_limits<std::int64_t>::min() / 2, false}, Case{-1, false}, Case{0, false},
        Case{std::numeric_limits<std::int64_t>::max() / 2, true},
        Case{std::numeric_limits<std::int64_t>::max(), true}}) {
    SCOPED_TRACE(saved_at);
    std::string bytes = snapshot::header_bytes(
        {snapshot::types_of<std::string, std::string>(), WallTime(WallTime::duration(saved_at))});
    std::string records;
    snapshot::append_record(records, encoded("k"), encoded("v"), {.ttl = 1h, .idle = Duration::max()});
    snapshot::append_block_head(
        bytes, {static_cast<std::uint32_t>(records.size()), 1, snapshot::block_checksum(0, 1, records)});
    bytes += records;
    snapshot::append_block_head(bytes, {0, 0, 1});
    write_bytes(file_, bytes);
    Texts loaded;
    const auto report = load_snapshot(loaded, file_);
    ASSERT_TRUE(report.has_value()) << report.error().message();
    EXPECT_EQ(report->entries, alive ? 1U : 0U);
    EXPECT_EQ(loaded.get("k").has_value(), alive);
  }
}

}  // namespace
}  // namespace terrace
