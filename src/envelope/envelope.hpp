#pragma once
/// The envelope: the bytes that a tier stores for one entry: the payload, the data about it, and a checksum
/// that binds both to their key. Byte by byte: docs/wire-format.md.
///
/// The checksum detects accidents (a flipped bit, a truncated or foreign value, a value under another key),
/// not attackers: anyone can compute XXH3. Against attackers the entry is sealed with the keys of a KeyRing:
/// tags and payload are encrypted, and the seal binds the whole entry to its key. All functions are thread
/// safe.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <terrace/bytes.hpp>
#include <terrace/clock.hpp>
#include <terrace/document.hpp>
#include <terrace/result.hpp>
#include <vector>

namespace terrace {
class KeyRing;
}

namespace terrace::envelope {

/// A tag of the entry, and the tag's token when the entry was made: the entry is stale once the tag has
/// another token.
struct TagToken {
  std::string tag;
  std::uint64_t token = 0;
  bool operator==(const TagToken&) const = default;
};

/// Readers reject an entry with more or longer tags, so no writer may accept them.
inline constexpr std::size_t max_tags = 64, max_tag_size = 1024;

struct EnvelopeMeta {
  WallTime created{};
  /// Fresh until then; none: no expiry.
  std::optional<WallTime> fresh_until = {};
  /// How long after `fresh_until` it may still be served while refreshing fails. Milliseconds, rounded up;
  /// not negative.
  Duration grace{};
  std::uint8_t codec = 0;
  std::uint64_t schema = 0;
  std::uint64_t version = 0;
  /// The origin has no such key: the payload is empty.
  bool negative = false;
  std::vector<TagToken> tags = {};
  bool operator==(const EnvelopeMeta&) const = default;
};

struct CompressionOptions {
  bool enabled = true;
  /// Payloads of at least this many bytes are compressed; the result is used if it is smaller.
  std::size_t threshold = 1024;
  /// The level of zstd: 1 … 19, higher is smaller and slower; negative levels are faster.
  int level = 1;
};

struct Limits {
  /// Longest payload, after decompression.
  std::size_t max_payload = std::size_t{256} << 20;
  /// Rejects entries of another codec or schema (negative ones have none); none: accepts all.
  std::optional<StoredKind> expected = {};
  /// With keys only entries sealed with them open; without keys only unsealed entries.
  const KeyRing* keys = nullptr;
};

/// An entry that passed every check.
class Opened {
 public:
  EnvelopeMeta meta;

  /// Valid as long as this object and the bytes given to open().
  [[nodiscard]] BytesView payload() const noexcept {
    return (own_ ? BytesView(*own_) : view_).substr(skipped_);
  }

 private:
  friend Result<Opened> open(std::string_view, std::string_view, BytesView, const Limits&);
  BytesView view_;
  std::optional<Bytes> own_;  // instead of the view: the decrypted or decompressed bytes
  std::size_t skipped_ = 0;   // the tags before the payload
};

/// The stored bytes of an entry; sealed with the primary key if there are keys.
[[nodiscard]] Bytes wrap(std::string_view ns, std::string_view key, const EnvelopeMeta& meta,
                         BytesView payload, const CompressionOptions& compression = {},
                         const KeyRing* keys = nullptr);

/// The entry in the stored bytes. It never throws because of their content, and never returns a doubtful
/// value. Errc::corrupt: foreign, truncated, changed, of another key, or over the limits. Errc::incompatible:
/// another format version, unknown flags, another codec or schema than expected; sealed while there are no
/// keys, or with an unknown or retired key; or not sealed although there are keys.
[[nodiscard]] Result<Opened> open(std::string_view ns, std::string_view key, BytesView stored,
                                  const Limits& limits = {});

/// The head of stored bytes that open() calls incompatible says that the entry is fresh at this time. Nothing
/// protects the head: it is a hint, not a proof.
[[nodiscard]] bool looks_fresh(BytesView stored, WallTime now);

inline constexpr std::size_t identity_size = 16;
/// Stands for exactly these stored bytes: XXH3-128, the same in every process.
[[nodiscard]] Bytes identity(BytesView stored);

}  // namespace terrace::envelope
