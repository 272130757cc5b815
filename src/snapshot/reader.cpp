#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "snapshot/format.hpp"

namespace terrace::snapshot {
namespace {

Error io_error(const std::filesystem::path& file, int number) {
  const Errc kind = number == ENOENT ? Errc::not_found : Errc::io_error;
  return Error(kind, "cannot read " + file.string() + ": " + std::generic_category().message(number));
}

}  // namespace

Reader::Reader(std::filesystem::path file, int fd, std::uint64_t size) noexcept
    : file_(std::move(file)), fd_(fd), size_(size) {}

Reader::Reader(Reader&& other) noexcept
    : file_(std::move(other.file_)),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      saved_at_(other.saved_at_) {
  rewind();
}

Reader::~Reader() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Reader> Reader::open(const std::filesystem::path& file, const Types& types) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // does not wait for a FIFO
  if (fd < 0) return io_error(file, errno);
  struct stat status {};
  const bool told = ::fstat(fd, &status) == 0;
  Reader reader(file, fd, told ? static_cast<std::uint64_t>(status.st_size) : 0);
  if (!told) return io_error(file, errno);
  if (!S_ISREG(status.st_mode)) return Error(Errc::incompatible, file.string() + " is not a file");
  if (const auto header = reader.read_header(types); !header) return header.error();
  if (const auto checked = reader.check_blocks(); !checked) return checked.error();
  return reader;
}

Error Reader::corrupt(const std::string& what) const {
  return Error(Errc::corrupt, file_.string() + ": " + what + "; delete it, memory starts empty");
}

Result<void> Reader::read_header(const Types& types) {
  std::array<char, header_size> bytes{};
  const std::size_t there = std::min<std::uint64_t>(size_, header_size);
  if (!read(bytes.data(), there)) return *failure_;
  const auto header = snapshot::read_header(BytesView(bytes.data(), there));
  if (!header) return Error(header.error().code, file_.string() + ' ' + header.error().context);
  if (header->types != types)
    return Error(Errc::incompatible,
                 file_.string() + " contains keys or values of other types than this cache has; delete it");
  saved_at_ = header->saved_at;
  return {};
}

Result<void> Reader::check_blocks() {
  for (;;) {
    switch (next_block()) {
      case Step::block:
        break;
      case Step::end:
        return {};
      case Step::failed:
        return *failure_;
    }
  }
}

void Reader::rewind() noexcept {
  at_ = header_size;
  blocks_ = 0;
  entries_ = 0;
  rest_ = {};
}

Reader::Step Reader::failed(Error why) {
  failure_ = std::move(why);
  return Step::failed;
}

Reader::Step Reader::next_block() {
  std::array<char, block_head_size> bytes{};
  if (size_ - at_ < block_head_size) return failed(corrupt("it is cut off"));
  if (!read(bytes.data(), bytes.size())) return Step::failed;
  const BlockHead head = read_block_head(BytesView(bytes.data(), bytes.size()));
  if (head.size == 0) {
    if (head.entries != 0 || head.checksum != entries_)
      return failed(corrupt("its end counts other entries"));
    return at_ == size_ ? Step::end : failed(corrupt("something follows its end"));
  }
  if (head.size > full_block + most_record + record_head_size)
    return failed(corrupt("block " + std::to_string(blocks_) + " is larger than any"));
  if (head.size > size_ - at_) return failed(corrupt("it is cut off"));
  block_.resize(head.size);
  if (!read(block_.data(), block_.size())) return Step::failed;
  if (block_checksum(blocks_, head.entries, block_) != head.checksum)
    return failed(corrupt("block " + std::to_string(blocks_) + " is damaged"));
  ++blocks_;
  entries_ += head.entries;
  rest_ = block_;
  return Step::block;
}

bool Reader::read(char* to, std::size_t size) {
  while (size != 0) {
    const ssize_t got = ::pread(fd_, to, size, static_cast<off_t>(at_));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      failure_ = got < 0 ? io_error(file_, errno) : corrupt("it was shortened while it was read");
      return false;
    }
    at_ += static_cast<std::uint64_t>(got);
    to += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool Reader::next(Record& record) {
  while (rest_.empty()) {
    if (failure_ || next_block() != Step::block) return false;
  }
  if (take_record(rest_, record)) return true;
  failure_ = corrupt("a record is incomplete");
  return false;
}

Result<void> Reader::ended() const {
  if (failure_) return *failure_;
  return {};
}

}  // namespace terrace::snapshot
