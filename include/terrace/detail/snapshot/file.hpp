#pragma once
/// Writer and Reader of snapshot files, independent of the types of keys and values. Format:
/// docs/snapshot-format.md.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <terrace/bytes.hpp>
#include <terrace/clock.hpp>
#include <terrace/codec.hpp>
#include <terrace/result.hpp>

namespace terrace::snapshot {

/// The content of a file: codec and schema of its keys and values.
struct Types {
  std::uint32_t key_codec;
  std::uint32_t value_codec;
  std::uint64_t key_schema;
  std::uint64_t value_schema;

  bool operator==(const Types&) const = default;
};

template <class K, class V>
Types types_of() {
  return {Codec<K>::id, Codec<V>::id, Codec<K>::schema, Codec<V>::schema};
}

/// The remaining lifetimes of an entry; Duration::max() means no expiry.
struct Life {
  Duration ttl;
  Duration idle;  ///< the time it may remain unread
};

/// The time since the save, for any time that a file may claim: 0 if the clock was set back, at most
/// Duration::max().
[[nodiscard]] Duration passed_since(WallTime saved_at, WallTime now) noexcept;

/// Nothing: it has expired. `passed`: not negative.
[[nodiscard]] std::optional<Life> left_after(Duration passed, Life life) noexcept;

/// Not thread safe.
class Writer {
 public:
  struct Written {
    std::uint64_t entries;
    std::uint64_t bytes;
  };

  Writer(std::filesystem::path file, const Types& types, WallTime now);
  /// Removes an unfinished file.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// False after the first failure; finish() reports it.
  [[nodiscard]] bool ok() const noexcept { return !failure_; }
  void fail(Error why) {
    if (ok()) failure_ = std::move(why);
  }
  void add(BytesView key, BytesView value, const Life& life);
  Result<Written> finish();

 private:
  void open_draft();
  [[nodiscard]] bool clear_name();
  [[nodiscard]] bool has_name(int fd) const;
  void write_block();
  void write(BytesView bytes);
  void fail_with_errno(const char* what);

  const std::filesystem::path file_;
  const std::filesystem::path draft_;
  bool owns_draft_ = false;
  int fd_ = -1;
  Bytes block_;
  std::uint32_t block_entries_ = 0;
  std::uint64_t blocks_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t bytes_ = 0;
  std::optional<Error> failure_;
};

/// Views into the reader, until its next call.
struct Record {
  BytesView key;
  BytesView value;
  Life life;
};

/// Not thread safe.
class Reader {
 public:
  /// Reads and checks the whole file. Errors as load_snapshot().
  static Result<Reader> open(const std::filesystem::path& file, const Types& types);
  Reader(Reader&& other) noexcept;
  Reader& operator=(Reader&&) = delete;
  ~Reader();

  [[nodiscard]] WallTime saved_at() const noexcept { return saved_at_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return size_; }

  /// False: there are no more records, or the file was changed meanwhile; ended() says which.
  bool next(Record& record);
  [[nodiscard]] Result<void> ended() const;
  [[nodiscard]] Error corrupt(const std::string& what) const;

 private:
  enum class Step : std::uint8_t { block, end, failed };

  Reader(std::filesystem::path file, int fd, std::uint64_t size) noexcept;

  Result<void> read_header(const Types& types);
  Result<void> check_blocks();
  void rewind() noexcept;
  Step next_block();
  bool read(char* to, std::size_t size);
  Step failed(Error why);

  std::filesystem::path file_;
  int fd_;
  std::uint64_t size_;
  std::uint64_t at_ = 0;
  WallTime saved_at_{};
  Bytes block_;
  BytesView rest_;  // rest of the block
  std::uint64_t blocks_ = 0;
  std::uint64_t entries_ = 0;
  std::optional<Error> failure_;
};

}  // namespace terrace::snapshot
