#pragma once
/// Change: what write-back keeps for one write: the key is to hold these bytes, or nothing.

#include <cstdint>
#include <optional>
#include <string>
#include <terrace/bytes.hpp>
#include <terrace/clock.hpp>

namespace terrace::journal {

struct Change {
  std::string key = {};
  Bytes stored = {};  ///< as a tier stores it; empty when erased
  std::optional<WallTime> expires = {};
  bool erased = false;
  /// The number of its record, higher for every later change, whatever happens in between: what targets
  /// compare. Set by the journal.
  std::uint64_t version = 0;
  bool operator==(const Change&) const = default;
};

}  // namespace terrace::journal
