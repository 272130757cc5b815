#pragma once
/// Ledger: what truly happened in a simulated world, and whether an answer was permitted by the promises of
/// docs/reliability.md. Each value that is written has a version of its own: a number that only grows.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <terrace/clock.hpp>
#include <vector>

namespace terrace::sim {

using Version = std::uint64_t;

class Ledger {
 public:
  struct Rules {
    bool bounded =
        true;          ///< EVENTUAL and STRONG: how old a value may be is checked, otherwise own writes only
    Duration bound{};  ///< for the writes of other processes; 0: STRONG
    bool redis_only = true;  ///< a value comes from Redis or from the origin
    bool loads = false;      ///< every write changes the origin first
  };
  explicit Ledger(Rules rules) : rules_(rules) {}

  /// What a place (Redis, the origin) has under the key from now on.
  void holds(const std::string& place, const std::string& key, std::optional<Version> version, TimePoint now);

  struct Write {
    unsigned process = 0;
    std::map<std::string, Version> keys = {};  ///< and what the origin has of them by now
    std::optional<Version> version = {};       ///< none: an erase
    TimePoint began{};
    std::optional<TimePoint> acknowledged = {};
  };
  std::size_t began(Write write);
  void acknowledged(std::size_t write, TimePoint now) { writes_[write].acknowledged = now; }

  [[nodiscard]] const Write& write(std::size_t number) const { return writes_[number]; }

  struct Read {
    unsigned process = 0;
    std::string key;
    Version version = 0;
    TimePoint began{};
    TimePoint ended = {};
    std::string level = {};
    bool stale = false;  ///< it was marked as stale: only own changes count
  };
  /// Why the answer breaks a promise; empty: it does not.
  [[nodiscard]] std::string judge(const Read& read) const;

 private:
  struct Span {
    Version version;
    TimePoint from;
    TimePoint until;
  };
  [[nodiscard]] std::string too_old(const Read& read) const;
  [[nodiscard]] std::string overwritten(const Read& read) const;

  const Rules rules_;
  std::map<std::pair<std::string, std::string>, std::vector<Span>> held_;  // by place and key
  std::vector<Write> writes_;
};

}  // namespace terrace::sim
