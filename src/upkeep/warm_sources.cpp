#include <algorithm>
#include <boost/regex.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <optional>
#include <string_view>
#include <terrace/bytes.hpp>
#include <terrace/hash.hpp>
#include <terrace/result.hpp>
#include <terrace/warm_sources.hpp>

namespace terrace {
namespace {

/// A longer line is not a line of a log.
constexpr std::size_t longest_line = std::size_t{1} << 20U;

std::string place(const std::filesystem::path& path, std::uint64_t line) {
  return path.string() + ":" + std::to_string(line) + ": ";
}

/// Calls `take(text, number)` for each line. Throws ConfigError if the file is no text.
void each_line(const std::filesystem::path& path, std::size_t longest,
               const std::function<void(std::string&, std::uint64_t)>& take) {
  std::error_code ignored;  // an error shows when the file is opened
  if (std::filesystem::is_directory(path, ignored))
    throw ConfigError(path.string() + " is a folder; name a file");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw ConfigError(path.string() + " cannot be read: " + std::strerror(errno));
  std::string line;
  std::uint64_t number = 0;
  // getline() would read a file without line ends completely; this reads no more than the longest line.
  std::streambuf& bytes = *file.rdbuf();
  for (int c = bytes.sbumpc(); c != std::char_traits<char>::eof();) {
    line.clear();
    ++number;
    for (; c != '\n' && c != std::char_traits<char>::eof(); c = bytes.sbumpc()) {
      if (c == 0) {
        throw ConfigError(place(path, number) +
                          "has a NUL byte, so this is no text file (compressed?); give plain text");
      }
      line.push_back(static_cast<char>(c));
      if (line.size() > longest) {
        throw ConfigError(place(path, number) + "the line is longer than " + std::to_string(longest) +
                          " bytes");
      }
    }
    if (c == '\n') c = bytes.sbumpc();
    if (line.ends_with('\r')) line.pop_back();
    take(line, number);
  }
}

/// AccessLogOptions::key, parsed: text, and the groups in between.
class KeyTemplate {
 public:
  KeyTemplate(std::string_view text, std::size_t groups) {
    while (!text.empty()) {
      const auto open = std::min(text.find('{'), text.size());
      if (open > 0) parts_.push_back({std::string(text.substr(0, open)), std::nullopt});
      text.remove_prefix(open);
      if (text.empty()) break;
      if (text.size() < 3 || text[2] != '}' || text[1] < '0' || text[1] > '9') {
        throw ConfigError("the key template has a { that does not begin one of {0} … {9}: " +
                          printable_key(text));
      }
      const auto group = static_cast<std::size_t>(text[1] - '0');
      if (group > groups) {
        throw ConfigError("the key template names group " + std::to_string(group) + "; the pattern has " +
                          std::to_string(groups));
      }
      parts_.push_back({{}, group});
      text.remove_prefix(3);
    }
    if (parts_.empty()) throw ConfigError("the key template is empty; {1} is the first group of the pattern");
  }

  void fill(std::string& key, const boost::smatch& match) const {
    key.clear();
    for (const auto& [text, group] : parts_) {
      if (group) {
        key.append(match[static_cast<int>(*group)].first, match[static_cast<int>(*group)].second);
      } else {
        key += text;
      }
    }
  }

 private:
  struct Part {
    std::string text;
    std::optional<std::size_t> group;
  };
  std::vector<Part> parts_;
};

boost::regex compiled(const std::string& pattern) {
  try {
    return boost::regex(pattern);
  } catch (const boost::regex_error& error) {
    throw ConfigError("the pattern " + pattern + " is no regular expression: " + error.what());
  }
}

/// Counts requests by key, and remembers which key came first.
class Counts {
 public:
  void add(const std::string& key) {
    const auto [at, first] = counts_.try_emplace(key, Count{0, counts_.size()});
    ++at->second.requests;
  }

  [[nodiscard]] std::vector<HotKey> hottest(std::size_t top) const {
    std::vector<const Entry*> order;
    for (const Entry& entry : counts_) order.push_back(&entry);
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min(top, order.size()));
    std::partial_sort(order.begin(), end, order.end(), [](const Entry* a, const Entry* b) {
      if (a->second.requests != b->second.requests) return a->second.requests > b->second.requests;
      return a->second.came < b->second.came;
    });
    std::vector<HotKey> hot;
    for (auto at = order.begin(); at != end; ++at) hot.push_back({(*at)->first, (*at)->second.requests});
    return hot;
  }

 private:
  struct Count {
    std::uint64_t requests;
    std::size_t came;
  };
  using Map = boost::unordered_flat_map<std::string, Count, KeyHash>;
  using Entry = Map::value_type;
  Map counts_;
};

}  // namespace

std::vector<std::string> keys_from_file(const std::filesystem::path& path) {
  std::vector<std::string> keys;
  boost::unordered_flat_set<std::string, KeyHash> seen;
  each_line(path, max_key_size, [&](const std::string& line, std::uint64_t) {
    if (!line.empty() && seen.insert(line).second) keys.push_back(line);
  });
  return keys;
}

std::vector<HotKey> hottest_keys(const std::filesystem::path& log, const AccessLogOptions& options) {
  if (options.top == 0) throw ConfigError("top is 0: no key would be taken; 1000 for instance");
  const boost::regex pattern = compiled(options.pattern);
  const KeyTemplate form(options.key, pattern.mark_count());
  Counts counts;
  std::string first, key;
  bool found = false;
  each_line(log, longest_line, [&](const std::string& line, std::uint64_t number) {
    if (first.empty()) first = line;
    boost::smatch match;
    try {
      if (!boost::regex_search(line, match, pattern)) return;
    } catch (const std::runtime_error& error) {
      throw ConfigError(place(log, number) + "the pattern " + options.pattern +
                        " takes too long here; make it simpler");
    }
    found = true;
    form.fill(key, match);
    if (!key.empty() && key.size() <= max_key_size) counts.add(key);
  });
  if (!found) {
    throw ConfigError(log.string() + ": no line matches the pattern " + options.pattern +
                      (first.empty() ? "; the file is empty"
                                     : "; its first line is " + printable_key(first) +
                                           "; for this format give your own pattern"));
  }
  return counts.hottest(options.top);
}

}  // namespace terrace
