#pragma once
/// The query of sharded: and replicated:.

#include "assembly/schemes.hpp"

namespace terrace::assembly {

struct Setting {
  std::string_view key;
  std::string_view value;
};

/// "a=1&b=2", without decoding.
std::vector<Setting> split_query(std::string_view query);

bool knows(Kind kind, std::string_view key) noexcept;

/// Throws ConfigError: a key that the kind does not know or that occurs twice, or an impossible value.
ReplicatedOptions read_settings(Kind kind, const std::vector<Setting>& settings, const std::string& where);

}  // namespace terrace::assembly
