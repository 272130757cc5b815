#pragma once
/// Beside: two versions of a program, whose types of values or seals differ, share a tier. Neither can read the
/// entries of the other. The version that finds a fresh entry of the other under a key leaves it there, and
/// keeps an entry of its own under a second key, beside it (decision 0035).
///
/// The entry beside begins with the identity of the bytes that it stands beside. It counts only while the key
/// has exactly these bytes. So every change of the key, by any process, also ends the entry beside: a set, an
/// erase, a bulk delete, a soft invalidation, an expiry. The entry beside needs no lease, no notification and no
/// recovery of its own.

#include <cstdio>
#include <optional>
#include <string>
#include <terrace/document.hpp>
#include <terrace/result.hpp>

#include "envelope/envelope.hpp"

namespace terrace::cascade::beside {

/// Between the namespace and the key. One for each kind of entries that a cache reads.
inline std::string infix(const std::optional<StoredKind>& kind, bool sealed) {
  char text[40];
  std::snprintf(text, sizeof text, "~beside:%02x%016llx%s:", unsigned{kind ? kind->codec : std::uint8_t{0}},
                static_cast<unsigned long long>(kind ? kind->schema : 0), sealed ? "s" : "");
  return text;
}

/// `why` is the reason why these bytes could not be opened: they are a fresh entry of others.
inline bool is_of_others(const Error& why, BytesView stored, WallTime now) {
  return why == Errc::incompatible && envelope::looks_fresh(stored, now);
}

inline Bytes wrap(BytesView identity, BytesView stored) {
  Bytes out(identity);
  out += stored;
  return out;
}

/// The entry in the bytes; none: they stand beside other bytes.
inline std::optional<Bytes> open(BytesView identity, BytesView found) {
  if (!found.starts_with(identity)) return std::nullopt;
  return Bytes(found.substr(identity.size()));
}

}  // namespace terrace::cascade::beside
