#pragma once
/// The envelope: the bytes a tier stores for one entry, the payload with what must be known about it and a
/// checksum that binds both to their key. Byte by byte: docs/wire-format.md.
///
/// The checksum finds accidents (a flipped bit, a cut or foreign value, a value under another key), not
/// attackers: whoever can compute XXH3 can make one. Against those the entry is sealed with the keys of a
/// KeyRing: tags and payload are encrypted, and the seal binds all of the entry to its key. All functions
/// are thread safe.

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

/// A tag of the entry and the token the tag had when the entry was made: it is stale once the tag has
/// another.
struct TagToken {
  std::string tag;
  std::uint64_t token = 0;
  bool operator==(const TagToken&) const = default;
};

struct EnvelopeMeta {
  WallTime created{};
  /// Fresh until then; none: for ever.
  std::optional<WallTime> fresh_until = {};
  /// How long after `fresh_until` it may still be served when refreshing fails. Milliseconds, rounded up; not
  /// negative.
  Duration grace{};
  std::uint8_t codec = 0;
  std::uint64_t schema = 0;
  std::uint64_t version = 0;
  /// The origin says there is no such key: the payload is empty.
  bool negative = false;
  std::vector<TagToken> tags = {};
  bool operator==(const EnvelopeMeta&) const = default;
};

struct CompressionOptions {
  bool enabled = true;
  /// Payloads of at least so many bytes are compressed, and kept so when that is smaller.
  std::size_t threshold = 1024;
  /// zstd's: 1 … 19, greater is smaller and slower; negative levels are faster.
  int level = 1;
};

struct Limits {
  /// Longest payload, after decompression.
  std::size_t max_payload = std::size_t{256} << 20;
  /// Refuse entries of another codec or schema (negative ones have none); none: accept all.
  std::optional<StoredKind> expected = {};
  /// With keys only what they sealed opens; without, only what is not sealed.
  const KeyRing* keys = nullptr;
};

/// An entry that passed every check.
class Opened {
 public:
  EnvelopeMeta meta;

  /// Lives as long as this object and the bytes given to open().
  [[nodiscard]] BytesView payload() const noexcept {
    return (own_ ? BytesView(*own_) : view_).substr(skipped_);
  }

 private:
  friend Result<Opened> open(std::string_view, std::string_view, BytesView, const Limits&);
  BytesView view_;
  std::optional<Bytes> own_;  // instead of the view: what was decrypted or decompressed
  std::size_t skipped_ = 0;   // the tags before the payload
};

/// The stored bytes of an entry; sealed with the primary key, if there are keys.
[[nodiscard]] Bytes wrap(std::string_view ns, std::string_view key, const EnvelopeMeta& meta,
                         BytesView payload, const CompressionOptions& compression = {},
                         const KeyRing* keys = nullptr);

/// The entry in the stored bytes. Never throws for what they hold, and never gives a value that is in doubt:
/// Errc::corrupt: foreign, cut, changed, another key's, or over the limits; Errc::incompatible: another
/// format version, unknown flags, another codec or schema than expected, sealed without keys, with an unknown
/// or retired one, or not sealed though there are keys.
[[nodiscard]] Result<Opened> open(std::string_view ns, std::string_view key, BytesView stored,
                                  const Limits& limits = {});

}  // namespace terrace::envelope
