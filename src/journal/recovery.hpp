#pragma once
/// Recovery: from the files of a journal that ended somehow to what is still to be done.
///
/// - A last record that was cut short was never acknowledged: it is cut off.
/// - Anything else that cannot be read is damage: its bytes are copied to a file `*.damaged`, it is
/// reported,
///   and every record around it that can be read is kept. A file of another journal is renamed as a whole.
/// - Records that are missing (their file, or its end) are reported by their numbers.
/// - Numbers are given out anew only far above any that may have been in what was lost.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "journal/directory.hpp"
#include "journal/done_set.hpp"
#include "journal/format.hpp"

namespace terrace::journal {

/// A place in the journal that could not be read.
struct Damage {
  std::string where;  ///< the file, with the offset where that is known
  std::uint64_t bytes = 0;
  std::string what;
};

/// A segment that is complete.
struct Segment {
  std::string name;
  std::uint64_t end = 0;  ///< above every number in it
  std::uint64_t bytes = 0;
};

struct Recovered {
  std::uint64_t id = 0;       ///< 0: there was no journal
  std::uint64_t follows = 0;  ///< above every number that was read
  std::uint64_t next = 0;     ///< above every number that was ever given out
  DoneSet done = DoneSet();
  std::vector<Segment> segments = {};
  std::vector<Damage> damage = {};
  std::uint64_t torn_bytes = 0;
  std::uint64_t pending = 0;  ///< changes told to `found`
};

/// So far above what was read do numbers go on: more than a segment has records.
inline constexpr std::uint64_t sequence_gap = std::uint64_t{1} << 20;

/// Mends the directory, which must be locked, and tells every change that is not done, in the order of their
/// numbers. Throws ConfigError for a newer format and for records these keys do not open, std::system_error
/// when files cannot be read or copied.
[[nodiscard]] Recovered recover(Directory& directory, const Sealing& sealing,
                                const std::function<void(Change)>& found);

}  // namespace terrace::journal
