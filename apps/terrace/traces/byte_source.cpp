#include "traces/byte_source.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "traces/trace_error.hpp"

namespace terrace::traces {
namespace {

using namespace std::string_view_literals;

/// The bytes of a file descriptor. The first few may be looked at before they are read.
class FileSource final : public ByteSource {
 public:
  FileSource(const std::string& path, const std::atomic<bool>* stop) : name_(source_name(path)), stop_(stop) {
    owned_ = path != "-";
    fd_ = owned_ ? ::open(path.c_str(), O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (fd_ < 0) fail();
    struct stat info {};
    if (::fstat(fd_, &info) != 0) fail();
    if (S_ISDIR(info.st_mode)) {
      close();
      throw TraceError(name_ + " is a folder: name the trace files in it");
    }
    if (S_ISREG(info.st_mode)) size_ = static_cast<std::uint64_t>(info.st_size);
  }
  ~FileSource() override { close(); }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  /// Up to four bytes from the start, left in place.
  std::string_view magic() {
    while (head_size_ < head_.size()) {
      const std::size_t got = read_file(head_.data() + head_size_, head_.size() - head_size_);
      if (got == 0) break;
      head_size_ += got;
    }
    return {head_.data(), head_size_};
  }

  std::size_t read(char* to, std::size_t room) override {
    if (head_read_ == head_size_) return read_file(to, room);
    const std::size_t taken = std::min(room, head_size_ - head_read_);
    std::memcpy(to, head_.data() + head_read_, taken);
    head_read_ += taken;
    return taken;
  }

  [[nodiscard]] std::uint64_t consumed() const noexcept override { return consumed_; }
  [[nodiscard]] std::optional<std::uint64_t> stored_size() const noexcept override { return size_; }
  [[nodiscard]] bool stopped() const noexcept { return stop_ != nullptr && stop_->load(); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  [[noreturn]] void fail() {
    const std::string why = std::strerror(errno);
    close();
    throw TraceError(name_ + " cannot be read: " + why);
  }
  void close() noexcept {
    if (owned_ && fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  /// Waits in steps, so that `stop` is seen while a pipe is silent.
  void wait_readable() const {
    constexpr int step_ms = 100;
    pollfd waiting{fd_, POLLIN, 0};
    while (!stopped() && ::poll(&waiting, 1, step_ms) == 0) {
    }
  }

  std::size_t read_file(char* to, std::size_t room) {
    while (true) {
      if (stop_ != nullptr && !size_) wait_readable();
      if (stopped()) return 0;
      const ssize_t got = ::read(fd_, to, room);
      if (got >= 0) {
        consumed_ += static_cast<std::uint64_t>(got);
        return static_cast<std::size_t>(got);
      }
      if (errno != EINTR) fail();
    }
  }

  std::string name_;
  const std::atomic<bool>* stop_;
  int fd_ = -1;
  bool owned_ = false;
  std::optional<std::uint64_t> size_;
  std::uint64_t consumed_ = 0;
  std::array<char, 4> head_{};
  std::size_t head_size_ = 0;
  std::size_t head_read_ = 0;
};

/// The content of a zstd file: any number of frames, windows up to 2 GiB (`zstd --long=31`).
class ZstdSource final : public ByteSource {
 public:
  explicit ZstdSource(std::unique_ptr<FileSource> file) : file_(std::move(file)), in_(ZSTD_DStreamInSize()) {
    constexpr int largest_window_log = 31;
    if (!stream_ ||
        ZSTD_isError(ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, largest_window_log))) {
      throw TraceError(file_->name() + ": no memory to decompress it");
    }
  }

  std::size_t read(char* to, std::size_t room) override {
    ZSTD_outBuffer out{to, room, 0};
    while (out.pos == 0) {
      if (input_.pos == input_.size && !refill()) break;
      const std::size_t hint = ZSTD_decompressStream(stream_.get(), &out, &input_);
      if (ZSTD_isError(hint)) {
        throw TraceError(file_->name() + " is damaged: zstd says \"" + ZSTD_getErrorName(hint) + "\" after " +
                         std::to_string(file_->consumed()) + " bytes");
      }
      inside_frame_ = hint != 0;
    }
    return out.pos;
  }

  [[nodiscard]] std::uint64_t consumed() const noexcept override { return file_->consumed(); }
  [[nodiscard]] std::optional<std::uint64_t> stored_size() const noexcept override {
    return file_->stored_size();
  }

 private:
  bool refill() {
    const std::size_t got = file_->read(in_.data(), in_.size());
    if (got == 0 && inside_frame_ && !file_->stopped()) {
      throw TraceError(file_->name() +
                       " is cut off: its last zstd frame is not complete; fetch the file again");
    }
    input_ = {in_.data(), got, 0};
    return got > 0;
  }

  struct Free {
    void operator()(ZSTD_DCtx* stream) const noexcept { ZSTD_freeDCtx(stream); }
  };

  std::unique_ptr<FileSource> file_;
  std::unique_ptr<ZSTD_DCtx, Free> stream_{ZSTD_createDCtx()};
  std::vector<char> in_;
  ZSTD_inBuffer input_{nullptr, 0, 0};
  bool inside_frame_ = false;
};

bool is_zstd(std::string_view magic) {
  // A frame, or a skippable frame, whose first byte is 0x50 … 0x5F.
  return magic == "\x28\xB5\x2F\xFD"sv ||
         (magic.size() == 4 && (magic[0] & '\xF0') == '\x50' && magic.substr(1) == "\x2A\x4D\x18"sv);
}

/// Compressions that are not read here: the program that unpacks them.
std::string_view unpacker_of(std::string_view magic) {
  if (magic.starts_with("\x1F\x8B"sv)) return "gzip -dc";
  if (magic.starts_with("\xFD"
                        "7zX"sv))
    return "xz -dc";
  if (magic.starts_with("BZh"sv)) return "bzip2 -dc";
  if (magic.starts_with("PK\x03\x04"sv)) return "unzip -p";
  return {};
}

}  // namespace

std::string source_name(const std::string& path) {
  return path == "-" ? "standard input" : path;
}

std::unique_ptr<ByteSource> open_source(const std::string& path, const std::atomic<bool>* stop) {
  auto file = std::make_unique<FileSource>(path, stop);
  const std::string_view magic = file->magic();
  if (magic.empty() && !file->stopped())
    throw TraceError(file->name() + " is empty: there is nothing to read");
  if (is_zstd(magic)) return std::make_unique<ZstdSource>(std::move(file));
  if (const std::string_view unpacker = unpacker_of(magic); !unpacker.empty()) {
    throw TraceError(file->name() + " has a compression that is not supported (only zstd is): try `" +
                     std::string(unpacker) + " FILE | terrace … -`");
  }
  return file;
}

}  // namespace terrace::traces
