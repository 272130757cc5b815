#pragma once
/// Directory: the files of one journal. A failure throws std::system_error that names the file. A file name
/// is <id, 16 hex digits>-<number, 20 digits> and an ending: `.log` for a segment, `.dead` for dead letters;
/// `.damaged` is a copy of bytes that were unreadable. All files have mode 0600.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <terrace/bytes.hpp>
#include <vector>

#include "journal/disk.hpp"

namespace terrace::journal {

/// No segment is larger: it ends with the change that reaches segment_bytes (a GiB), and a change has a GiB.
inline constexpr std::uint64_t max_file_size = (std::uint64_t{2} << 30) + (std::uint64_t{64} << 20);

/// An open descriptor.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) noexcept : number_(number) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : number_(other.number_) { other.number_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  [[nodiscard]] int get() const noexcept { return number_; }

 private:
  int number_;
};

/// A file that only grows.
class File {
 public:
  File(Descriptor descriptor, std::string name, Disk& disk)
      : descriptor_(std::move(descriptor)), name_(std::move(name)), disk_(&disk) {}
  void append(BytesView bytes);
  void sync();
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

 private:
  Descriptor descriptor_;
  std::string name_;
  Disk* disk_;
  std::uint64_t size_ = 0;
};

/// The name of a segment or of a file of dead letters.
struct FileName {
  std::uint64_t id = 0;
  std::uint64_t number = 0;
  std::string ending = {};  ///< ".log" or ".dead"
  [[nodiscard]] std::string text() const;
  static std::optional<FileName> parse(std::string_view text);
};

class Directory {
 public:
  /// Opens it only to look: takes no lock and changes nothing.
  static Directory look(const std::string& path);
  /// Creates it if necessary, and locks it: ConfigError if another process has it, or if other users may write
  /// to it. The lock ends with the object or the process.
  static Directory lock(const std::string& path, Disk& disk);

  /// The names of all files, sorted.
  [[nodiscard]] std::vector<std::string> names() const;
  /// Fails for what has an objection.
  [[nodiscard]] Bytes read(const std::string& name) const;
  /// Why the file is not read: it is no regular file (a FIFO would block), or it is larger than any file of a
  /// journal. Empty: it can be read.
  [[nodiscard]] std::string objection(const std::string& name) const;
  [[nodiscard]] std::uint64_t size(const std::string& name) const;

  [[nodiscard]] File create(const std::string& name);
  void cut(const std::string& name, std::uint64_t size);
  void remove(const std::string& name);
  void rename(const std::string& from, const std::string& to);
  /// Makes created, removed and renamed files durable.
  void sync();

 private:
  Directory(Descriptor descriptor, std::string path, Disk& disk)
      : descriptor_(std::move(descriptor)), path_(std::move(path)), disk_(&disk) {}
  [[nodiscard]] std::string full(const std::string& name) const { return path_ + "/" + name; }

  Descriptor descriptor_;
  std::string path_;
  Disk* disk_;
};

}  // namespace terrace::journal
