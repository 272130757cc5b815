#pragma once
/// StoredForm<V>: how a cache's values become documents and back: by their codec, or as they are.

#include <optional>
#include <terrace/codec.hpp>
#include <terrace/detail/memory/weight.hpp>
#include <terrace/document.hpp>
#include <utility>

namespace terrace::cascade {

template <class V>
struct StoredForm {
  /// What a cache of V reads; none: everything.
  static constexpr std::optional<StoredKind> kind() noexcept {
    return StoredKind{Codec<V>::id, Codec<V>::schema};
  }
  static Result<Document> encode(const V& value) {
    Document out{{}, *kind()};
    const auto encoded = Codec<V>::encode(value, out.payload);
    if (!encoded) return encoded.error();
    return out;
  }
  static Result<V> decode(BytesView payload, StoredKind) { return Codec<V>::decode(payload); }
};

template <>
struct StoredForm<Document> {
  static constexpr std::optional<StoredKind> kind() noexcept { return std::nullopt; }
  static Result<Document> encode(const Document& value) { return value; }
  static Result<Document> decode(BytesView payload, StoredKind kind) {
    return Document{Bytes(payload), kind};
  }
};

}  // namespace terrace::cascade

template <>
struct terrace::memory::HeapBytes<terrace::Document> {
  static constexpr bool known = true;
  static std::size_t of(const Document& value) noexcept { return HeapBytes<Bytes>::of(value.payload); }
};
