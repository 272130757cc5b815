#pragma once
/// Document: a value of any schema, as the bytes it is stored in. A Cache<Document> reads what programs with
/// typed caches of the same name have stored, and stores what they can read: for tools and for other
/// languages.

#include <cstdint>
#include <terrace/bytes.hpp>

namespace terrace {

/// The codec that wrote a value and the fingerprint of its type (codec.hpp).
struct StoredKind {
  std::uint8_t codec = 0;
  std::uint64_t schema = 0;
  bool operator==(const StoredKind&) const = default;
};

struct Document {
  Bytes payload;  ///< what Codec<V>::encode appended: MessagePack, unless the codec is the program's own
  StoredKind kind;
  bool operator==(const Document&) const = default;
};

}  // namespace terrace
