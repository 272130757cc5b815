#pragma once
/// ReplicatedSharing: leases, tokens and watches of the replicated tier.
///
/// The version of a fill prevents it from overwriting a newer value: it is just above the version that its
/// holder saw when the lease was granted, and below that of any write since. The lease itself, which is kept
/// at one node, only saves other processes the load: without that node more than one process may load at a
/// time, and nothing else changes.
///
/// Thread safe.

#include <boost/unordered/unordered_flat_map.hpp>
#include <mutex>
#include <terrace/shared_tier.hpp>

#include "base/joined_watch.hpp"
#include "distribution/replica_group.hpp"

namespace terrace::distribution {

class ReplicatedSharing final : public SharedTier {
 public:
  /// Every node's shared() must not be null.
  explicit ReplicatedSharing(std::shared_ptr<ReplicaGroup> group);

  using SharedTier::acquire;
  using SharedTier::release;
  void acquire(std::string_view key, const LeaseRequest& request, TimePoint deadline,
               Handler<Result<LeaseReply>> done) override;
  void fill(std::string_view key, const LeaseToken& token, BytesView value, std::optional<Duration> ttl,
            TimePoint deadline, Handler<Result<bool>> done) override;
  void renew(std::string_view key, const LeaseToken& token, Duration lease_time, TimePoint deadline,
             Handler<Result<bool>> done) override;
  void release(std::string_view key, const LeaseToken& token, LeaseEnd end, TimePoint deadline,
               Handler<Result<void>> done) override;
  void get_or_put(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
                  Handler<Result<Bytes>> done) override;
  void get_or_prolong(std::string_view key, BytesView value, std::optional<Duration> life, TimePoint deadline,
                      Handler<Result<Bytes>> done) override;
  void replace(std::string_view key, BytesView expected, BytesView value, std::optional<Duration> ttl,
               TimePoint deadline, Handler<Result<bool>> done) override;
  [[nodiscard]] std::shared_ptr<void> watch(std::vector<std::string> prefixes,
                                            std::shared_ptr<Watcher> watcher) override;
  [[nodiscard]] unsigned notices_of_a_change() const noexcept override { return group_->quorum().copies; }

 private:
  static void prolong(const std::shared_ptr<ReplicaGroup>& group, std::string key, Bytes value,
                      std::optional<Duration> life, TimePoint deadline, Handler<Result<Bytes>> done);

  class Acquire;
  /// A lease of this process.
  struct Grant {
    std::string key;
    Version seen;
    TimePoint until;
    std::optional<std::size_t> node = {};  ///< where the lease is kept
    Bytes kept = {};                       ///< what is kept there
  };
  /// Shared with operations under way.
  struct Grants {
    std::mutex mutex;
    boost::unordered_flat_map<std::string, Grant> held;
    static constexpr std::size_t grants_before_pruning = 1024;
    std::size_t prune_at = grants_before_pruning;  // grows with `held`, so that an add stays cheap

    void add(const LeaseToken& token, Grant grant, TimePoint now);
    /// Nothing if there is none, or it has expired.
    std::optional<Grant> find(std::string_view key, const LeaseToken& token, TimePoint now);
    /// The same, and removes it in the same step: of two takers one gets it.
    std::optional<Grant> take(std::string_view key, const LeaseToken& token, TimePoint now);
  };

  using Seen = UniqueFunction<void(Result<Copy>)>;
  static void look(const std::shared_ptr<ReplicaGroup>& group, std::string_view key, TimePoint deadline,
                   Seen then);
  static void drop(ReplicaGroup& group, const Grant& grant, TimePoint deadline);

  const std::shared_ptr<ReplicaGroup> group_;
  const std::shared_ptr<Grants> grants_ = std::make_shared<Grants>();
  JoinedWatches watches_;
};

}  // namespace terrace::distribution
