#pragma once
/// The commands of a simulated Redis server that need its data only.

#include "sim/reply.hpp"
#include "sim/sim_store.hpp"

namespace terrace::sim {

/// What a server must know of a command before it runs it.
struct CommandInfo {
  int arity = 0;  ///< parts, the name included; below 0: at least so many
  bool writes = false;
  bool needs_memory = false;  ///< a full server rejects it
  bool in_scripts = true;     ///< a script may call it
  bool while_loading = false;
  bool without_login = false;
};

struct DataCommand {
  CommandInfo info;
  Reply (*run)(SimStore& store, std::size_t database, const Args& args);
};

/// By its name in lower case; nullptr: there is none.
[[nodiscard]] const DataCommand* find_data_command(std::string_view name);

[[nodiscard]] std::string lower(std::string_view text);
/// The whole text as a number.
[[nodiscard]] std::optional<std::int64_t> parse_number(std::string_view text);

inline const char* const not_a_number = "ERR value is not an integer or out of range";
inline const char* const syntax_error = "ERR syntax error";

}  // namespace terrace::sim
