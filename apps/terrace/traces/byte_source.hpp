#pragma once
/// ByteSource: the uncompressed bytes of a trace, whether it is a plain file, a zstd file or standard input.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace terrace::traces {

class ByteSource {
 public:
  virtual ~ByteSource() = default;

  /// Fills up to `room` bytes and tells how many; 0 only at the end. Throws TraceError.
  virtual std::size_t read(char* to, std::size_t room) = 0;

  /// Bytes taken from the file so far, as stored (compressed): for progress.
  [[nodiscard]] virtual std::uint64_t consumed() const noexcept = 0;

  /// Size of the file as stored; none for pipes.
  [[nodiscard]] virtual std::optional<std::uint64_t> stored_size() const noexcept = 0;
};

/// Opens the file, or standard input for "-". zstd is recognised by its first bytes, not by the name. Throws
/// TraceError for what cannot be opened, is empty, or is compressed otherwise. Once `stop` is set (it may be
/// null), reading ends as if the input did: a pipe that stays silent does not hold up a program asked to end.
std::unique_ptr<ByteSource> open_source(const std::string& path, const std::atomic<bool>* stop);

/// How messages call the input: the path, or "standard input".
std::string source_name(const std::string& path);

}  // namespace terrace::traces
