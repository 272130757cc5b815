#pragma once
/// Where the keys of a warming run come from: a list, or the hottest of an access log.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace terrace {

/// The keys in a text file, one a line, in their order, each once. Empty lines are skipped, a CR before the
/// line's end is not part of the key; nothing else is changed. Throws ConfigError, naming file and line: it
/// cannot be read, holds NUL bytes (no text), or a line is longer than a key may be.
std::vector<std::string> keys_from_file(const std::filesystem::path& path);

struct AccessLogOptions {
  /// A Perl regular expression, searched for in every line; lines without it are skipped. The default finds
  /// the path of GET requests that succeeded in the common and combined log formats of web servers.
  std::string pattern = R"re("GET ([^ "?]+)[^"]*" 2\d\d )re";
  /// The key that a line stands for: {1} … {9} are the groups of the pattern, {0} is all it matched.
  std::string key = "{1}";
  std::size_t top = 1000;  ///< so many keys at most; at least 1
};

struct HotKey {
  std::string key;
  std::uint64_t requests = 0;
};

/// The keys asked for most in a log, the hottest first; of equally hot ones the one that came first. Counts
/// exactly; takes memory for each different key. Throws ConfigError: the file cannot be read, is no text, or
/// the pattern is found in no line (naming the first), is no regular expression or too costly, or `key`
/// names a group it has not.
std::vector<HotKey> hottest_keys(const std::filesystem::path& log, const AccessLogOptions& options = {});

}  // namespace terrace
