#pragma once
/// Change: the record of one write for write-back: the key shall hold these bytes, or nothing.

#include <cstdint>
#include <optional>
#include <string>
#include <terrace/bytes.hpp>
#include <terrace/clock.hpp>

namespace terrace::journal {

struct Change {
  std::string key = {};
  Bytes stored = {};  ///< the bytes for a tier; empty if erased
  std::optional<WallTime> expires = {};
  bool erased = false;
  /// The number of its record, higher for every later change, whatever happens in between. Targets compare
  /// it. The journal sets it.
  std::uint64_t version = 0;
  bool operator==(const Change&) const = default;
};

}  // namespace terrace::journal
