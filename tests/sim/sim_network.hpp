#pragma once
/// SimNetwork: the connections between simulated processes and simulated Redis servers. Each direction of a
/// connection is a queue with a delay: bytes arrive in order, connections overtake each other. A path, that is
/// all between one process and one server, may be slow or stalled: then its bytes wait. One thread.

#include <deque>
#include <functional>
#include <random>

#include "redis/network.hpp"
#include "sim/sim_host.hpp"
#include "sim/sim_redis.hpp"

namespace terrace::sim {

class Wire;

/// One server on the network. It gets its turns here.
class SimServer {
 public:
  /// `observe` is called after each turn.
  SimServer(Events& events, std::uint64_t seed, SimRedisOptions options, std::function<void()> observe);

  [[nodiscard]] SimRedis& redis() noexcept { return redis_; }
  /// A turn follows soon. Also after each change of its state by a fault.
  void wake();
  /// The same after a change of its data.
  void changed() {
    observe_();
    wake();
  }
  /// Its pushes never leave it: a mutant.
  void set_mute(bool mute) noexcept { mute_ = mute; }

 private:
  friend class Wire;
  friend class SimNetwork;
  void turn();
  void send_output();
  void cron();

  Events& events_;
  std::mt19937_64 random_;
  SimClock clock_;
  SimRedis redis_;
  std::function<void()> observe_;
  std::map<SimRedis::SessionId, std::shared_ptr<Wire>> wires_;
  bool turn_comes_ = false;
  bool mute_ = false;
};

/// The network as one process sees it.
class SimNetwork final : public redis::Network, public std::enable_shared_from_this<SimNetwork> {
 public:
  /// `server` finds the server at an address now; null: nothing answers there.
  using Directory = std::function<SimServer*(const std::string& address)>;

  SimNetwork(Events& events, SimHost& host, std::uint64_t seed, Duration delay, Directory directory)
      : events_(events), host_(host), random_(seed), delay_(delay), directory_(std::move(directory)) {}

  std::shared_ptr<Dial> dial(const redis::RedisUrl& url, boost::asio::ssl::context* tls, TimePoint deadline,
                             Dialed done) override;

  // ---- Faults

  /// Nothing arrives, in both directions, until it is set back. Then everything arrives.
  void set_stalled(bool stalled);
  /// Is added to each delay.
  void set_slow(Duration more) noexcept { slow_ = more; }
  /// Ends connections with a reset that both ends notice: all of this process, or the n-th only.
  void cut(std::optional<std::size_t> which = {});
  /// Ends all connections that watch nothing.
  void cut_data();
  /// The server forgets the n-th connection, and the process hears nothing.
  void half_open(std::size_t which);

 private:
  friend class Wire;
  class Attempt;
  [[nodiscard]] Duration delay();
  [[nodiscard]] std::vector<std::shared_ptr<Wire>> wires();

  Events& events_;
  SimHost& host_;
  std::mt19937_64 random_;
  const Duration delay_;
  const Directory directory_;
  Duration slow_{};
  bool stalled_ = false;
  std::vector<std::weak_ptr<Wire>> wires_;
  std::vector<std::shared_ptr<Attempt>> attempts_;  // that hang, because the path is stalled
};

}  // namespace terrace::sim
