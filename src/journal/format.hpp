#pragma once
/// The bytes of the journal's files (docs/journal-format.md): a header, then records. Pure functions.
///
/// Checksums are XXH3-64 with the journal's random id as seed, not CRC32C: damage passes once in 2^64 instead
/// of once in 2^32, no special instructions are needed for speed, and because of the seed, bytes of another
/// journal, or a record that a client wrote into a value, are not valid records of this one. Checksums detect
/// accidents; sealing protects against attackers who can write the file.

#include <cstdint>
#include <functional>
#include <optional>
#include <terrace/result.hpp>
#include <utility>
#include <variant>
#include <vector>

#include "journal/change.hpp"

namespace terrace::journal {

inline constexpr std::size_t header_size = 56;
inline constexpr std::size_t record_header_size = 24;
/// The longest key and stored bytes of a change together.
inline constexpr std::size_t max_change_size = std::size_t{1} << 30;

/// The content of a file.
enum class FileKind : std::uint16_t { segment = 1, dead_letters = 2 };

struct FileHeader {
  FileKind kind = FileKind::segment;
  std::uint64_t id = 0;         ///< of the journal
  std::uint64_t first = 0;      ///< records of this segment have this number or a higher one
  std::uint64_t follows = 0;    ///< the number after the last record of the segment before
  std::uint64_t watermark = 0;  ///< all records below were done when this file was made
  bool operator==(const FileHeader&) const = default;
};

[[nodiscard]] Bytes encode(const FileHeader& header);
/// corrupt: incomplete. incompatible: of a newer format.
[[nodiscard]] Result<FileHeader> decode_header(BytesView file);

/// Encrypts and authenticates the content of records; given by the layer that has the keys. `context` must be
/// authenticated, too: it says which record of which journal this is. Empty: payloads are stored unencrypted.
struct Sealing {
  std::function<Bytes(BytesView context, BytesView plain)> seal = {};
  /// corrupt: the bytes were changed. Any other error: cannot be opened with these keys.
  std::function<Result<Bytes>(BytesView context, BytesView sealed)> open = {};
  explicit operator bool() const noexcept { return static_cast<bool>(seal); }
};

/// A mark: the records in these closed ranges, and all below the watermark, are done.
struct Done {
  std::uint64_t watermark = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges = {};
  bool operator==(const Done&) const = default;
};

/// A change that its target rejected finally, and the reason.
struct DeadLetter {
  Change change;
  std::string reason;
  bool operator==(const DeadLetter&) const = default;
};

using Content = std::variant<Change, Done, DeadLetter>;

/// Adds a record to `out`. The number of a change or a dead letter is `change.version`.
void append_record(Bytes& out, std::uint64_t id, const Change& change, const Sealing& sealing);
void append_record(Bytes& out, std::uint64_t id, std::uint64_t sequence, const Done& done);
void append_record(Bytes& out, std::uint64_t id, const DeadLetter& letter, const Sealing& sealing);

/// A record with correct checksums; a view into the file's bytes.
struct RecordView {
  std::uint64_t sequence = 0;
  std::size_t offset = 0;
  BytesView payload = {};
  [[nodiscard]] std::size_t end() const noexcept { return offset + record_header_size + payload.size(); }
};

/// The content of the record. corrupt: it makes no sense. incompatible: there are keys, and a change or a dead
/// letter is not sealed. Other errors: sealed, and not with these keys.
[[nodiscard]] Result<Content> decode(const RecordView& record, std::uint64_t id, const Sealing& sealing);
/// True if the record is sealed; for callers without keys.
[[nodiscard]] bool is_sealed(const RecordView& record) noexcept;

/// A range of bytes of a file.
struct Stretch {
  std::size_t offset = 0;
  std::size_t size = 0;
  bool operator==(const Stretch&) const = default;
};

/// The records of a file and the bytes between them.
struct Scan {
  std::vector<RecordView> records = {};
  std::vector<Stretch> damaged = {};
  /// The end of the file, if a write was cut short: less than a record, or nothing but zeros.
  std::optional<Stretch> torn = {};
};

/// Finds all records from `begin` on, also after damage, in a time that is in proportion to the size of the file.
/// In a segment numbers only rise from `first` on, so
/// bytes of an old record are not taken for a present one.
[[nodiscard]] Scan scan(BytesView file, std::size_t begin, std::uint64_t id, FileKind kind,
                        std::uint64_t first = 0);

}  // namespace terrace::journal
