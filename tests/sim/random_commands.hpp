#pragma once
/// RandomCommands: what the connections of terrace send to a server, and what others may, at random.

#include <initializer_list>
#include <random>

#include "redis/scripts.hpp"
#include "redis/versioned_scripts.hpp"
#include "sim/reply.hpp"

namespace terrace::sim {

class RandomCommands {
 public:
  explicit RandomCommands(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }
  std::string one_of(std::initializer_list<const char*> some) { return some.begin()[below(some.size())]; }
  std::string key() { return one_of({"a", "ab", "b"}); }

  /// A few commands for one connection.
  std::vector<Args> commands() {
    switch (below(4)) {
      case 0:
        return transaction();
      case 1:
        return {script()};
      default: {
        std::vector<Args> some;
        for (std::size_t left = 1 + below(4); left > 0; --left)
          some.push_back(below(5) == 0 ? script() : command());
        return some;
      }
    }
  }

 private:
  std::string lease(const std::string& of) { return "~lease:{" + of + "}"; }
  std::string version(const std::string& of) { return "~version:{" + of + "}"; }
  std::string life() { return one_of({"1000000", "2000000", "5000000"}); }
  std::string life_or_none() { return below(3) == 0 ? "" : life(); }
  std::string value() { return one_of({"one", "two", "a longer value, more than sixteen bytes", ""}); }
  std::string token() { return one_of({"token-of-holder1", "token-of-holder2"}); }
  std::string tail(const std::string& of) {
    return of.substr(of.size() - std::min<std::size_t>(16, of.size()));
  }
  std::string any_name() {
    const std::string of = key();
    const std::string names[] = {of, of, of, lease(of), version(of), "~mark"};
    return names[below(6)];
  }
  std::string full_version() {
    const std::string counter =
        one_of({"00000000000000000001", "00000000000000000002", "04611686018427387905"});
    return below(3) == 0 ? counter : counter + "00000000000000000007" + "00000000000000a1";
  }

  std::vector<Args> transaction() {
    const std::string of = key();
    std::vector<Args> all{{"MULTI"}, {"UNLINK", lease(of), version(of)}};
    if (below(8) == 0) all.push_back(command());
    all.push_back({"SET", of, value()});
    if (below(2) == 0) all.back().insert(all.back().end(), {"PX", life()});
    if (below(10) != 0) all.push_back({below(12) == 0 ? "DISCARD" : "EXEC"});
    return all;
  }

  Args command() {
    switch (below(26)) {
      case 0:
        return {"UNLINK", any_name(), any_name()};
      case 1:
        return {"DEL", any_name()};
      case 2:
        return {"MGET", any_name(), any_name(), "none"};
      case 3:
        return {"EXISTS", any_name(), any_name()};
      case 4:
        return {"PTTL", any_name()};
      case 5:
        return {"PEXPIRE", any_name(), one_of({"1000000", "3000000", "-1", "x"})};
      case 6:
        return {"SADD", any_name(), one_of({"x", "y"})};
      case 7:
        return {"SCAN", "0", "MATCH", one_of({"*", "a*", "~lease:*", "[ab]"}), "COUNT", "500"};
      case 8:
        return {below(2) == 0 ? "FLUSHALL" : "FLUSHDB"};
      case 9:
        return {"HELLO", one_of({"3", "3", "3", "2", "4"})};
      case 10:
        return {"HELLO"};
      case 11:
      case 12:
        return {"CLIENT", "TRACKING", "ON",
                "BCAST",  "PREFIX",   one_of({"a", "ab", "b", "~lease:{", "~lease:{a"})};
      case 13:
        return {"CLIENT", "TRACKING", "ON", "BCAST"};
      case 14:
        return {"CLIENT", "TRACKING", "ON",     "BCAST",
                "PREFIX", "a",        "PREFIX", one_of({"~lease:{a", "ab", "b"})};
      case 15:
        return {"CLIENT", "TRACKING", "OFF"};
      case 16:
        return {"INFO", one_of({"server", "memory"})};
      case 17:
        return {"ROLE"};
      case 18:
        return {"SELECT", one_of({"0", "0", "0", "1", "16"})};
      case 19:
        return {"SWAPDB", "0", one_of({"1", "0", "16"})};
      case 20:
        return {"SCRIPT", one_of({"FLUSH", "FLUSH"})};
      case 21:
        return {one_of({"GET", "SET", "NONSENSE", "EXEC", "MULTI", "WAIT"}), key()};
      case 22:
        return {"PING"};
      case 23:
      case 24:
        return {"GET", any_name()};
      default:
        return {"SET", any_name(), value(), "PX", life()};
    }
  }

  Args call(const redis::Script& script, const Args& keys, const Args& arguments) {
    Args args = below(2) == 0 ? Args{"EVAL", script.text} : Args{"EVALSHA", script.digest};
    args.push_back(std::to_string(keys.size()));
    args.insert(args.end(), keys.begin(), keys.end());
    args.insert(args.end(), arguments.begin(), arguments.end());
    return args;
  }

  Args script() {
    using namespace redis;
    const std::string of = key(), old = value();
    const Args three{of, lease(of), version(of)}, four{of, lease(of), version(of), "~mark"};
    switch (below(18)) {
      case 0:
      case 1:
      case 2: {
        const bool stale = below(2) == 0;
        return call(acquire_script(), {of, lease(of)},
                    {token(), life(), stale ? std::to_string(old.size()) : "", stale ? tail(old) : "",
                     below(2) == 0 ? token() : "", one_of({"", "1"})});
      }
      case 3:
      case 4:
        return call(fill_script(), three, {token(), value(), life_or_none()});
      case 5:
        return call(renew_script(), {lease(of)}, {token(), life()});
      case 6:
        return call(release_script(), {lease(of)}, {token(), one_of({"", "f", "a", "n"}), life()});
      case 7:
        return call(get_or_put_script(), three, {value(), life_or_none()});
      case 8:
        return call(replace_script(), three,
                    {std::to_string(old.size()), tail(old), value(), life_or_none()});
      case 9:
        return call(versioned_set_script(), three,
                    {value(), life_or_none(), "0000000000000000000" + one_of({"1", "2", "3"}),
                     "04611686018427387904"});
      case 10:
        return call(read_copy_script(), four, {one_of({"1000", "5"})});
      case 11:
        return call(read_version_script(), four, {});
      case 12:
        return below(2) == 0 ? call(write_copy_script(), four, {full_version(), life_or_none()})
                             : call(write_copy_script(), four,
                                    {full_version(), life_or_none(), value(), life_or_none()});
      case 13:
        return call(scan_script(), {}, {"0", "~version:{*}", "10"});
      case 14:
        return call(take_charge_script(), {"~charge"}, {token(), life()});
      case 15:
        return call(keep_charge_script(), {"~charge"}, {token(), life()});
      case 16:
        return call(purge_script(), {"~charge", "~mark"},
                    {token(), "0", "~version:{*}", "~version:{", "~lease:{"});
      default:
        return call(admit_script(), {"~charge", "~mark"}, {token(), life()});
    }
  }

  std::mt19937_64 random_;
};

}  // namespace terrace::sim
