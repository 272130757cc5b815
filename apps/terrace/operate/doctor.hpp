#pragma once
/// The parts of `terrace doctor`: each looks at something and notes what it found.

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "operate/target.hpp"

namespace terrace::cli {

struct Check {
  enum class State : std::uint8_t { ok, warning, failure };
  State state = State::ok;
  std::string what;         ///< what was looked at
  std::string found;        ///< in words
  std::string remedy = {};  ///< of a warning or a failure, where `found` does not say it
};

class Checks {
 public:
  void ok(std::string what, std::string found) { add({Check::State::ok, std::move(what), std::move(found)}); }
  void warn(std::string what, std::string found, std::string remedy = {}) {
    add({Check::State::warning, std::move(what), std::move(found), std::move(remedy)});
  }
  void fail(std::string what, std::string found, std::string remedy = {}) {
    add({Check::State::failure, std::move(what), std::move(found), std::move(remedy)});
  }

  [[nodiscard]] std::size_t count(Check::State state) const;
  /// "sound", "sound, with 2 warnings", "not sound: 1 failure, 2 warnings".
  [[nodiscard]] std::string verdict() const;
  /// Harmless on a terminal.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] boost::json::object json() const;

 private:
  void add(Check check) { all_.push_back(std::move(check)); }
  std::vector<Check> all_;
};

/// The file; its servers and files; a write, a read and an erase in each tier; clock and limits of this
/// machine.
void examine_config(const std::string& file, Duration limit, Checks& checks);

/// The endpoint: whether it answers, and to our token; what it says of its caches. Throws UsageError.
void examine_server(const ServerAddress& address, Checks& checks);

}  // namespace terrace::cli
