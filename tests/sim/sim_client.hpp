#pragma once
/// SimClient: a connection to a simulated server for tests, which sends and reads without a network.

#include "redis/resp.hpp"
#include "sim/sim_redis.hpp"

namespace terrace::sim {

inline std::string encoded(const Args& args) {
  std::string bytes;
  redis::begin_command(bytes, args.size());
  for (const auto& part : args) redis::add_part(bytes, part);
  return bytes;
}

class SimClient {
 public:
  explicit SimClient(SimRedis& server, bool tracks = false) : server_(server), id_(server.connect()) {
    ask({"HELLO", "3"});
    if (tracks) ask({"CLIENT", "TRACKING", "ON", "BCAST"});
  }
  void send(const Args& args) { server_.receive(id_, encoded(args)); }
  /// What has been sent to it.
  std::string read() { return server_.take_output(id_); }
  std::string ask(const Args& args) {
    send(args);
    server_.turn();
    return read();
  }
  [[nodiscard]] bool is_open() const { return server_.is_open(id_); }
  [[nodiscard]] SimRedis::SessionId id() const noexcept { return id_; }

 private:
  SimRedis& server_;
  SimRedis::SessionId id_;
};

inline std::string told(const std::vector<std::string>& keys) {
  std::string push;
  encode_invalidation(push, &keys);
  return push;
}
inline std::string told_all() {
  std::string push;
  encode_invalidation(push, nullptr);
  return push;
}

}  // namespace terrace::sim
