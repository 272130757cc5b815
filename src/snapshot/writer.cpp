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

/// The draft always has the same name, so that the draft of a killed program is reused; the lock ends with
/// the program.
void Writer::open_draft() {
  for (;;) {
    fd_ = ::open(draft_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd_ < 0) return fail_with_errno("create a file beside");
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      return fail(Error(Errc::io_error, "another snapshot is being written to " + file_.string()));
    }
    struct stat mine {};
    struct stat there {};
    const bool told = ::fstat(fd_, &mine) == 0;
    owns_draft_ = told && ::stat(draft_.c_str(), &there) == 0 && mine.st_ino == there.st_ino;
    if (owns_draft_) break;
    // Between the two calls another writer has given the file its name.
    ::close(std::exchange(fd_, -1));
  }
  if (::ftruncate(fd_, 0) != 0) fail_with_errno("write");
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
