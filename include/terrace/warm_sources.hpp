#pragma once
/// The sources of keys for a warming run: a list, or the most requested keys of an access log.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace terrace {

/// Returns the keys in a text file, one per line, in their order, each once. Empty lines are skipped, and a
/// CR at the end of a line is not part of the key; nothing else is changed. Throws ConfigError that names
/// file and line: the file cannot be read, contains NUL bytes (no text), or a line is longer than the longest
/// key.
std::vector<std::string> keys_from_file(const std::filesystem::path& path);

struct AccessLogOptions {
  /// A Perl regular expression that is searched for in every line; lines without a match are skipped. The
  /// default finds the path of successful GET requests in the common and combined log formats of web servers.
  std::string pattern = R"re("GET ([^ "?]+)[^"]*" 2\d\d )re";
  /// The key for a line: {1} … {9} are the groups of the pattern, {0} is the whole match.
  std::string key = "{1}";
  std::size_t top = 1000;  ///< at most this many keys; at least 1
};

struct HotKey {
  std::string key;
  std::uint64_t requests = 0;
};

/// Returns the most requested keys in a log, the most requested first; of equal ones, the one that came
/// first. Counts exactly; needs memory for each different key. Throws ConfigError: the file cannot be read or
/// is no text; the pattern matches no line (it shows the first line), is no regular expression or is too
/// costly; or `key` names a group that the pattern does not have.
std::vector<HotKey> hottest_keys(const std::filesystem::path& log, const AccessLogOptions& options = {});

}  // namespace terrace
