#pragma once
/// Findings: the problems of a configuration, collected while it is read and checked.

#include <string>
#include <terrace/config.hpp>
#include <vector>

namespace terrace::config {

/// A position in the file.
struct Place {
  std::string path = {};  ///< "caches.users.ttl"
  unsigned line = 0;
  unsigned column = 0;
};

class Findings {
 public:
  void mistake(const Place& place, std::string what) {
    add(ConfigFinding::Kind::mistake, place, std::move(what));
  }
  void warn(const Place& place, std::string what) {
    add(ConfigFinding::Kind::warning, place, std::move(what));
  }

  /// From now on findings show `shown` ("${NAME}") in place of the text. Short texts are not hidden: they are
  /// no secrets, and may be part of any word.
  void hide(std::string text, std::string shown);

  /// Whether there is a mistake at the path.
  [[nodiscard]] bool blames(const std::string& path) const;

  /// In the order of their lines, each once: a mistake in [defaults] is found with every cache.
  [[nodiscard]] std::vector<ConfigFinding> take();

 private:
  void add(ConfigFinding::Kind kind, const Place& place, std::string what);

  std::vector<ConfigFinding> found_;
  std::vector<std::pair<std::string, std::string>> hidden_;
};

}  // namespace terrace::config
