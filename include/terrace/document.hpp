#pragma once
/// Document: a value of any schema, as the bytes it is stored in. A Cache<Document> reads the entries of
/// typed caches with the same name, and stores entries that they can read. For tools and for other languages.

#include <cstdint>
#include <terrace/bytes.hpp>

namespace terrace {

/// The codec that wrote a value, and the fingerprint of its type (codec.hpp).
struct StoredKind {
  std::uint8_t codec = 0;
  std::uint64_t schema = 0;
  bool operator==(const StoredKind&) const = default;
};

struct Document {
  Bytes payload;  ///< the output of Codec<V>::encode: MessagePack, unless the type has its own codec
  StoredKind kind;
  bool operator==(const Document&) const = default;
};

}  // namespace terrace
