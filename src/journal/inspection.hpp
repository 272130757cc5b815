#pragma once
/// Inspection: the content of a journal's files, for people. It needs no lock and changes nothing; a journal
/// in use may have changed meanwhile. Sealed records are shown without key and expiry.

#include <optional>
#include <string>
#include <vector>

#include "journal/format.hpp"

namespace terrace::journal {

struct InspectedChange {
  std::uint64_t number = 0;
  bool sealed = false;
  bool erased = false;
  bool done = false;
  std::string key = {};
  std::uint64_t stored_bytes = 0;  ///< if sealed: of the whole payload
  std::optional<WallTime> expires = {};
  std::string reason = {};  ///< for a dead letter
};

struct InspectedFile {
  std::string name;
  FileKind kind = FileKind::segment;
  std::uint64_t bytes = 0;
  std::vector<InspectedChange> changes = {};
  std::uint64_t marks = 0;
  std::vector<Stretch> damaged = {};
  std::optional<Stretch> torn = {};
};

struct Inspection {
  std::vector<InspectedFile> files = {};  ///< segments and dead letters, by name
  /// Files with bytes that earlier openings could not read, and their sizes.
  std::vector<std::pair<std::string, std::uint64_t>> quarantined = {};
};

/// Throws ConfigError if the path is no journal, std::system_error if it cannot be read.
[[nodiscard]] Inspection inspect(const std::string& path);

}  // namespace terrace::journal
