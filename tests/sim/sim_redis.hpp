#pragma once
/// SimRedis: a model of one Redis 7 server for simulations. It has no thread, no socket and no time of its own:
/// the simulated network brings bytes, the simulation gives it turns and a clock. It speaks the commands that
/// terrace uses, runs scripts in real Lua, and has the faults that servers have. A differential test compares
/// it with a real server. Not thread safe.

#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "sim/data_commands.hpp"
#include "sim/reply.hpp"
#include "sim/sim_lua.hpp"
#include "sim/sim_store.hpp"

namespace terrace::sim {

struct SimRedisOptions {
  std::string host = "10.0.0.1";  ///< where replicas of it say that it is
  int port = 6379;
  std::string password = {};
  std::uint64_t seed = 1;  ///< of its run_ids
};

class SimRedis {
 public:
  using SessionId = std::uint64_t;

  SimRedis(const Clock& clock, SimRedisOptions options);

  // ---- The network's side

  /// 0: the server is down.
  SessionId connect();
  void disconnect(SessionId session);
  /// False: the server has closed the connection, or died. What it sent before can still be taken.
  [[nodiscard]] bool is_open(SessionId session) const;
  /// Bytes arrive, in pieces of any size. They wait for the next turn.
  void receive(SessionId session, std::string_view bytes);
  /// One turn of the server's loop: all commands that have come in, connection by connection in the order in
  /// which they came, then the invalidations of that turn. So the reply to a PING of the same turn is sent
  /// before the invalidation of a key that was changed earlier in the turn. False: there was nothing to do.
  bool turn();
  /// What the server sends on this connection.
  [[nodiscard]] std::string take_output(SessionId session);
  /// There is input for a turn, or output to be taken.
  [[nodiscard]] bool busy() const;

  // ---- Life

  void kill();  ///< all connections break, and nothing is answered until the server is started
  void start(Databases dump = Databases(SimStore::count));  ///< empty, or with an old dump; a new run_id
  void restart(Databases dump = Databases(SimStore::count)) { kill(), start(std::move(dump)); }
  [[nodiscard]] Databases dump() const { return store_.databases(); }
  [[nodiscard]] bool is_up() const noexcept { return up_; }
  void freeze() noexcept { frozen_ = true; }  ///< SIGSTOP: bytes arrive, no turn comes
  void thaw() noexcept { frozen_ = false; }
  void set_loading(bool loading) noexcept { loading_ = loading; }  ///< it reads its dump: LOADING
  void close_connections();                                        ///< CLIENT KILL of all
  void forget_scripts() { scripts_.clear(); }                      ///< SCRIPT FLUSH
  [[nodiscard]] const std::string& run_id() const noexcept { return run_id_; }
  [[nodiscard]] const SimRedisOptions& options() const noexcept { return options_; }
  ServerClock& clock() noexcept { return clock_; }  ///< to skew and to stop

  // ---- Data

  /// What the server does ten times a second: removes all that has expired. Without it a key is removed by
  /// the first access after its expiry.
  void cron();
  bool evict(std::string_view key, std::size_t database = 0);
  void flush();                                   ///< FLUSHALL of an operator
  void swap(std::size_t one, std::size_t other);  ///< SWAPDB: is told to nobody
  [[nodiscard]] SimStore& store() noexcept { return store_; }

  // ---- Refusals

  void set_full(bool full) noexcept { full_ = full; }                        ///< OOM
  void set_cannot_save(bool broken) noexcept { cannot_save_ = broken; }      ///< MISCONF
  void set_lacks_replicas(bool lacks) noexcept { lacks_replicas_ = lacks; }  ///< NOREPLICAS
  /// NOPERM for a command ("set") or a subcommand ("client|tracking").
  void deny(std::string command) { denied_.insert(std::move(command)); }
  void allow_all() { denied_.clear(); }

  // ---- Lies, for mutants: what a client that does not ask would believe

  /// As a replica it says that it is a primary.
  void set_claims_primary(bool claims) noexcept { claims_primary_ = claims; }
  /// INFO shows this in place of the run_id.
  void set_shown_run_id(std::string shown) { shown_run_id_ = std::move(shown); }

  // ---- Replication

  /// REPLICAOF of an address where a primary may be; nullptr: nothing answers there.
  void become_replica_of(SimRedis* primary, std::string host, int port);
  void become_replica_of(SimRedis& primary) {
    become_replica_of(&primary, primary.options_.host, primary.options_.port);
  }
  void promote();  ///< REPLICAOF NO ONE. The run_id stays.
  [[nodiscard]] bool is_replica() const noexcept { return replica_; }
  void set_link(bool up) noexcept { link_ = up; }  ///< to the primary
  /// Takes over up to so many changes of the primary; the first time, and after a restart of the primary, all
  /// that it has. False: there is none, or the link is down.
  bool replicate(std::size_t most = SIZE_MAX);
  /// Changes of the primary that have not arrived.
  [[nodiscard]] std::size_t lag() const;

 private:
  struct Session {
    RequestReader input;
    std::string output;
    bool waiting = false;  ///< in `arrivals_`
    bool open = true;
    bool logged_in = false;
    int protocol = 2;
    std::size_t database = 0;
    bool tracking = false;
    bool in_transaction = false;
    bool spoilt = false;  ///< a command of the transaction was rejected
    std::vector<Args> queued = {};
    std::size_t own_flushes = 0;  ///< of the present command; told after it
  };
  /// Who watches a prefix, and what has changed under it in this turn.
  struct Watched {
    std::set<SessionId> sessions;
    std::set<std::string> keys;
  };
  struct Call {
    SessionId id;
    Session& session;
    const Args& args;
  };
  struct Command {
    CommandInfo info;
    const DataCommand* data = nullptr;
    Reply (SimRedis::*run)(Call&) = nullptr;
  };

  static std::optional<Command> find_command(const std::string& name);

  void serve(SessionId id, Session& session);
  Reply execute(Call& call);
  Reply run(const Command& command, Call& call);
  [[nodiscard]] std::optional<std::string> refusal(const std::string& name, const Command& command,
                                                   const Call& call) const;
  [[nodiscard]] bool is_denied(const std::string& name, const Args& args) const;
  [[nodiscard]] std::optional<std::string> write_refusal(bool in_script) const;
  void changed(const Change& change);
  void push();
  void stop_tracking(SessionId id, Session& session);
  Reply run_script(Call& call, const std::string& text, const std::string& digest);

  // Commands of connections and of the server (server_commands.cpp).
  Reply ping(Call& call);
  Reply hello(Call& call);
  Reply auth(Call& call);
  Reply select(Call& call);
  Reply client(Call& call);
  Reply track(Call& call);
  Reply multi(Call& call);
  Reply exec(Call& call);
  Reply discard(Call& call);
  Reply eval(Call& call);
  Reply evalsha(Call& call);
  Reply script(Call& call);
  Reply info(Call& call);
  Reply role(Call& call);
  Reply wait(Call& call);
  Reply accept(Call& call);
  std::optional<Reply> log_in(Session& session, const std::string& user, const std::string& password) const;

  const SimRedisOptions options_;
  std::mt19937_64 random_;
  ServerClock clock_;
  SimStore store_;
  SimLua lua_;
  std::string run_id_;
  std::map<std::string, std::string> scripts_;  // digest → text
  std::map<SessionId, Session> sessions_;
  std::vector<SessionId> arrivals_;
  std::map<std::string, Watched> watched_;
  SessionId last_session_ = 2;
  SessionId current_ = 0;  // whose command runs

  bool up_ = true;
  bool frozen_ = false;
  bool loading_ = false;
  bool full_ = false;
  bool cannot_save_ = false;
  bool lacks_replicas_ = false;
  std::set<std::string> denied_;
  bool claims_primary_ = false;
  std::string shown_run_id_;  // "" the true one

  bool replica_ = false;
  bool link_ = true;
  SimRedis* primary_ = nullptr;
  std::string primary_host_;
  int primary_port_ = 0;
  std::string synced_run_;  // of the primary when all was copied; "" not yet
  std::size_t position_ = 0;
  std::vector<Change> changes_;  // since the start, for replicas
};

}  // namespace terrace::sim
