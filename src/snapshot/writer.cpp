#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "snapshot/format.hpp"

namespace terrace::snapshot {

Writer::Writer(std::filesystem::path file, const Types& types, WallTime now)
    : file_(std::move(file)), draft_(file_.string() + ".new") {
  open_draft();
  if (!ok()) return;
  block_.reserve(full_block);
  write(header_bytes({types, now}));
}

Writer::~Writer() {
  if (owns_draft_) ::unlink(draft_.c_str());
  if (fd_ >= 0) ::close(fd_);
}

/// The draft always has the same name, so that the draft of a killed program is replaced. It is always a file that
/// this writer has made: one that was there could be readable for others, or be another file under a second name.
void Writer::open_draft() {
  constexpr int attempts = 100;  // other writers may be quicker that many times
  for (int i = 0; i < attempts && !owns_draft_; ++i) {
    fd_ = ::open(draft_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd_ < 0 && errno != EEXIST) return fail_with_errno("create a file beside");
    if (fd_ < 0) {
      if (!clear_name()) return;
    } else if (::flock(fd_, LOCK_EX | LOCK_NB) == 0 && has_name(fd_)) {
      owns_draft_ = true;
    } else {  // before it was locked, another writer took it for the draft of a killed program
      ::close(std::exchange(fd_, -1));
    }
  }
  if (!owns_draft_) fail(Error(Errc::io_error, "another snapshot is being written to " + file_.string()));
}

/// Whether the name of the draft leads to this open file.
bool Writer::has_name(int fd) const {
  struct stat open {};
  struct stat named {};
  return ::fstat(fd, &open) == 0 && ::lstat(draft_.c_str(), &named) == 0 && named.st_ino == open.st_ino;
}

/// Removes what has the name of the draft; false: it is in use, or cannot be removed. The lock of a writer ends
/// with its program. Only the lock of an own file counts: anyone could lock another one.
bool Writer::clear_name() {
  const int found = ::open(draft_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (found < 0 && errno == ENOENT) return true;  // what has the name from now on is another writer's
  struct stat there {};
  const bool own = found >= 0 && ::fstat(found, &there) == 0 && S_ISREG(there.st_mode) &&
                   there.st_uid == ::geteuid() && there.st_nlink <= 1;
  const bool in_use = own && ::flock(found, LOCK_EX | LOCK_NB) != 0;
  // With its lock, nobody else removes it; without the name, another writer has done so already.
  const bool gone = own && !has_name(found);
  const bool removed = in_use || gone || ::unlink(draft_.c_str()) == 0 || errno == ENOENT;
  const int why = errno;
  if (found >= 0) ::close(found);
  if (in_use) fail(Error(Errc::io_error, "another snapshot is being written to " + file_.string()));
  if (!removed) {
    fail(Error(Errc::io_error,
               "cannot remove " + draft_.string() +
                   ", where the snapshot is written first: " + std::generic_category().message(why)));
  }
  return ok();
}

void Writer::fail_with_errno(const char* what) {
  fail(Error(Errc::io_error, std::string("cannot ") + what + ' ' + file_.string() + ": " +
                                 std::generic_category().message(errno)));
}

void Writer::add(BytesView key, BytesView value, const Life& life) {
  if (key.size() > most_record || value.size() > most_record - key.size())
    return fail(Error(Errc::unencodable, "the entry " + printable_key(key) + " is larger than 2 GiB"));
  append_record(block_, key, value, life);
  ++block_entries_;
  if (block_.size() >= full_block) write_block();
}

void Writer::write_block() {
  if (block_entries_ == 0) return;
  Bytes head;
  append_block_head(head, {static_cast<std::uint32_t>(block_.size()), block_entries_,
                           block_checksum(blocks_++, block_entries_, block_)});
  write(head);
  write(block_);
  entries_ += block_entries_;
  block_entries_ = 0;
  block_.clear();
}

void Writer::write(BytesView bytes) {
  while (ok() && !bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return fail_with_errno("write");
    if (written <= 0) continue;
    bytes_ += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

Result<Writer::Written> Writer::finish() {
  write_block();
  Bytes end;
  append_block_head(end, {0, 0, entries_});
  write(end);
  if (ok() && ::fsync(fd_) != 0) fail_with_errno("sync");
  if (ok() && ::rename(draft_.c_str(), file_.c_str()) != 0) fail_with_errno("rename the new file to");
  if (!ok()) return *failure_;
  owns_draft_ = false;
  // A new name is on the disk only when its directory is.
  const auto folder = file_.has_parent_path() ? file_.parent_path() : std::filesystem::path(".");
  const int folder_fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd < 0 || ::fsync(folder_fd) != 0) fail_with_errno("sync the folder of");
  if (folder_fd >= 0) ::close(folder_fd);
  if (!ok()) return *failure_;
  return Written{entries_, bytes_};
}

}  // namespace terrace::snapshot
