#pragma once
/// Inspection: what the files of a journal hold, for people. Needs no lock and changes nothing; a journal in
/// use may have gone on meanwhile. Sealed records are told without key and expiry.

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
  std::uint64_t stored_bytes = 0;  ///< sealed: of the whole payload
  std::optional<WallTime> expires = {};
  std::string reason = {};  ///< of a dead letter
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
  /// Files with what earlier openings could not read, and their bytes.
  std::vector<std::pair<std::string, std::uint64_t>> quarantined = {};
};

/// Throws ConfigError when the path is no journal, std::system_error when it cannot be read.
[[nodiscard]] Inspection inspect(const std::string& path);

}  // namespace terrace::journal
