#pragma once
/// Recovery: finds the changes that are still to be done in the files of a journal, however it ended.
///
///  - An incomplete last record was never acknowledged: it is cut off.
///  - Anything else that cannot be read is damage: its bytes are copied to a file `*.damaged`, it is
///    reported, and every readable record around it is kept. A file of another journal is renamed as a whole.
///  - Where there are keys, changes that are not sealed are not taken over: anyone who may write the file could
///    have made them. They are copied and reported like damage.
///  - What is named like a segment, and is no regular file or too large, is renamed and reported.
///  - Missing records (their file, or its end) are reported by their numbers.
///  - New numbers start far above any number that the lost data may have had.

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
  std::string where;  ///< the file, with the offset if it is known
  std::uint64_t bytes = 0;
  std::string what;
};

/// A complete segment.
struct Segment {
  std::string name;
  std::uint64_t end = 0;  ///< higher than every number in it
  std::uint64_t bytes = 0;
};

struct Recovered {
  std::uint64_t id = 0;       ///< 0: there was no journal
  std::uint64_t follows = 0;  ///< higher than every number that was read
  std::uint64_t next = 0;     ///< higher than every number that was ever assigned
  DoneSet done = DoneSet();
  std::vector<Segment> segments = {};
  std::vector<Damage> damage = {};
  std::uint64_t torn_bytes = 0;
  std::uint64_t pending = 0;  ///< changes passed to `found`
};

/// Numbers continue this far above those that were read: a segment has fewer records.
inline constexpr std::uint64_t sequence_gap = std::uint64_t{1} << 20;

/// Repairs the directory, which must be locked, and passes every change that is not done to `found`, in the
/// order of their numbers. Throws ConfigError for a newer format and for records that these keys do not open,
/// std::system_error if files cannot be read or copied.
[[nodiscard]] Recovered recover(Directory& directory, const Sealing& sealing,
                                const std::function<void(Change)>& found);

}  // namespace terrace::journal
