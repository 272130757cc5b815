#pragma once
/// Schedule: everything that a simulated run is made of, as data: the stack, the operations of the processes,
/// and the faults. One seed makes one schedule. Parts of it can be left out, to find the smallest one that
/// still fails.

#include <cstdint>
#include <string>
#include <terrace/clock.hpp>
#include <terrace/consistency.hpp>
#include <vector>

namespace terrace::sim {

/// The levels below memory.
enum class Stack : std::uint8_t {
  redis,           ///< Redis only
  redis_private,   ///< Redis, and below it a store of one machine for each process
  redis_database,  ///< Redis, and below it a store that all processes share
  database,        ///< that store only
};

/// A wrong behaviour that the checks must find.
enum class Mutant : std::uint8_t {
  none,
  no_pushes,         ///< the notifications of the server never leave it, though it answers PING
  weak_as_eventual,  ///< caches of Consistency::weak, with the promise of eventual
  private_as_fleet,  ///< a store of one machine says that it is one of the fleet (COH1)
  no_identity,  ///< the server does not say who it is (no permission for INFO), and its address moves (COH3)
  no_claims,    ///< the compare-and-set of the shared database stores always
  no_leases,    ///< the server runs no scripts, so nobody gets a lease
};
inline constexpr int mutant_count = 7;

struct Setup {
  Stack stack = Stack::redis;
  bool loads = false;  ///< reads have a loader over an origin; a write changes the origin, then erases
  Consistency consistency = Consistency::eventual;
  unsigned processes = 2;
  unsigned keys = 1;
  Duration bound{};  ///< max_staleness
  Duration ttl{};
  Duration grace{};
  bool tags = false;  ///< every value has the tag "t"
  Duration lease_time{};
  Duration delay{};                  ///< of the network, about
  std::chrono::milliseconds skew{};  ///< of the wall clock of process 0
  Duration load_time{};              ///< the longest
};

enum class Does : std::uint8_t { read, write, erase, clear, erase_prefix, invalidate_tag };

struct Operation {
  Duration at{};
  unsigned process = 0;
  Does does = Does::read;
  unsigned key = 0;
};

enum class Harm : std::uint8_t {
  cut,        ///< connections of the process are reset
  half_open,  ///< the server forgets a connection of the process
  stall,      ///< nothing passes between the process and the server
  slow,       ///< all between them takes longer
  freeze_process,
  kill_process,  ///< kill -9: it never comes back
  freeze_server,
  restart_empty,
  flush,         ///< FLUSHALL
  evict,         ///< one key
  kill_clients,  ///< the server closes all connections
  forget_scripts,
  full_memory,
  cannot_save,   ///< MISCONF
  loading,       ///< the server reads its dump
  deny,          ///< a command is not permitted any more (ACL)
  jump_clock,    ///< of the server, forward or back
  move_address,  ///< it leads to another, empty server; data connections break, watches stay
};

struct Fault {
  Duration at{};
  Harm harm = Harm::cut;
  unsigned process = 0;
  unsigned number = 0;  ///< which connection or key
  Duration lasts{};     ///< or how slow
};

struct Schedule {
  std::uint64_t seed = 0;
  Mutant mutant = Mutant::none;
  Setup setup;
  std::vector<Operation> operations = {};
  std::vector<Fault> faults = {};
};

[[nodiscard]] Schedule make_schedule(std::uint64_t seed, Mutant mutant);

/// For people: a line for each part.
[[nodiscard]] std::string describe(const Schedule& schedule);

[[nodiscard]] std::string_view to_string(Mutant mutant) noexcept;

}  // namespace terrace::sim
