#pragma once
/// Cluster: the backend of a tier over the nodes of a Redis Cluster. It sends each exchange to the node of
/// its slot and follows redirects. Topology knows the nodes of the slots, and which node to ask for them.
///
/// The submitting thread finds the node itself, under a lock. Everything else runs on the I/O context:
/// redirects, refreshes, and parked errands, which wait until a time, or until the refresh under way has
/// ended.

#include <functional>
#include <map>
#include <terrace/redis_cluster.hpp>

#include "base/fork.hpp"
#include "redis/backend.hpp"
#include "redis/topology.hpp"

namespace terrace::redis {

/// The entry points of a cluster, and the options for all its nodes.
struct ClusterEntry {
  std::vector<Address> seeds;
  Transport transport = Transport::tcp;
  std::string user = {};
  std::optional<std::string> password = {};
  std::vector<std::string> allowed_hosts = {};  ///< named in the seeds
};
/// Throws ConfigError.
ClusterEntry parse_seeds(const std::vector<std::string>& seeds);

class Cluster final : public Backend, public Courier::Sender, public std::enable_shared_from_this<Cluster> {
 public:
  using Clients = std::map<Address, std::shared_ptr<Client>>;

  /// Throws ConfigError.
  Cluster(Outside outside, ClusterOptions options, ClusterEntry entry);

  /// `primaries_changed` is called on the I/O thread.
  void start(std::function<void(const Clients&)> primaries_changed);
  /// Ends all exchanges with Errc::shutdown before it returns. On the I/O thread. Idempotent.
  void shut_down();
  [[nodiscard]] ClusterStatus status() const;
  /// The clients of all known primaries.
  [[nodiscard]] Clients primaries();
  /// Submits it when the next refresh has ended.
  void submit_after_refresh(std::unique_ptr<Exchange> exchange);

  void submit(std::unique_ptr<Exchange> exchange) override;
  [[nodiscard]] std::shared_ptr<Client> client_of(Slot slot, bool reads) override;
  [[nodiscard]] bool follows(const Redirect&) const noexcept override { return true; }
  [[nodiscard]] bool retries(const Exchange& exchange, const Error& failure) const noexcept override;
  void submit_again(std::unique_ptr<Exchange> exchange, const Redirect& redirect,
                    const std::shared_ptr<Client>& from) override;
  [[nodiscard]] const std::string& label() const noexcept override { return label_; }

  void sent_elsewhere(Errand errand, const Redirect& redirect, const std::shared_ptr<Client>& from) override;
  void failed(Errand errand, const Error& failure, bool sent, const std::shared_ptr<Client>& from) override;

  static constexpr unsigned max_hops = 16;

 private:
  const HomeProcess home_;
  class Question;
  struct Peer {
    std::shared_ptr<Client> client;
    std::optional<TimePoint> gone_since = {};  // the last refresh does not contain it
  };
  struct Parked {
    Errand errand;
    bool for_refresh = false;
    std::shared_ptr<Client> failed_at = {};  // do not send it there again
  };

  // Errands.
  void route(Errand errand);
  void hold(Errand errand);
  void go_to(Errand errand, const Redirect& redirect, const std::shared_ptr<Client>& from);
  void come_again(Errand errand);
  void lost(Errand errand, const std::shared_ptr<Client>& from);
  void await_refresh(Errand errand, const std::shared_ptr<Client>& failed_at, bool even_later);
  void park(Parked parked, TimePoint when);
  void unpark_due(TimePoint now);
  void unpark_refreshed(bool succeeded);
  void end(Errand errand, const Error& failure);

  // Nodes. With the lock held.
  [[nodiscard]] std::shared_ptr<Client> node(const Address& address);
  [[nodiscard]] std::shared_ptr<Client> pick(Slot slot, bool reads);
  [[nodiscard]] Clients primaries_locked();

  // Refreshes.
  void want_refresh(const std::shared_ptr<Client>& suspect);
  void tick();
  [[nodiscard]] std::vector<SlotRange> take_allowed(const Address& from, std::vector<SlotRange> ranges);
  void heard(const Address& from, const Result<std::vector<SlotRange>>& outcome);
  void renew_nodes(TimePoint now);
  void arm(TimePoint when);

  [[nodiscard]] bool closed() const;

  const Outside outside_;
  const Clock& clock_;
  const ClusterOptions options_;
  const ClusterEntry entry_;
  const AllowedHosts allowed_;
  const std::string label_;
  const std::shared_ptr<boost::asio::ssl::context> tls_;  // for all nodes; null without TLS

  Timer timer_;
  TimePoint armed_ = no_deadline;
  std::multimap<TimePoint, Parked> parked_;
  std::function<void(const Clients&)> primaries_changed_;
  Clients watched_;
  std::mt19937_64 random_;
  Error refresh_error_;
  std::optional<Error> refused_host_;  // the last refresh named one

  mutable std::mutex mutex_;
  bool closed_ = false;
  Topology topology_;
  std::map<Address, Peer> nodes_;
  std::size_t turn_ = 0;  // for taking replicas in turns
  ClusterStatus counts_;  // its own counts
};

}  // namespace terrace::redis
