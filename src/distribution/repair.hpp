#pragma once
/// Repair: brings the nodes of some keys to the best copy of each key. It keeps versions and remaining
/// lifetimes, so any number of processes may do it at any time.

#include <memory>
#include <mutex>
#include <terrace/detail/unique_function.hpp>

#include "distribution/node_calls.hpp"
#include "distribution/replica_group.hpp"

namespace terrace::distribution {

class Repair : public std::enable_shared_from_this<Repair> {
 public:
  /// The keys of which some holder has not reported its copy or, if it lagged behind, not confirmed the best
  /// one.
  using Done = UniqueFunction<void(std::vector<std::string> unfinished)>;

  enum class Aim : std::uint8_t {
    copy,
    /// Deletes the keys, at the best version there is: it may be older than a lost one.
    forget,
  };

  /// Copies on untrusted nodes do not count, except on those `in_charge`, which are being brought up to date.
  static void start(std::shared_ptr<ReplicaGroup> group, std::vector<std::string> keys,
                    std::vector<std::size_t> in_charge, Aim aim, Duration limit, Done done);

  Repair(std::shared_ptr<ReplicaGroup> group, std::vector<std::size_t> in_charge, Aim aim, Duration limit,
         Done done)
      : group_(std::move(group)),
        in_charge_(std::move(in_charge)),
        aim_(aim),
        limit_(limit),
        done_(std::move(done)) {}

 private:
  struct Key {
    std::string key;
    std::vector<std::size_t> holders;
    std::vector<std::optional<Copy>> copies;  // by replica: what the node reported, without values
    std::vector<unsigned> corrupt = {};       // replicas whose data is no version
    Copy best = {};
    bool unfinished = false;
  };

  void begin(std::vector<std::string> keys);
  void read(std::size_t node, std::vector<Part> parts);
  void heard(std::size_t node, const std::vector<Part>& parts, std::vector<Result<Reading>> readings);
  [[nodiscard]] NodeCalls missing_writes();
  void overwrite_corrupt(Key& key, std::size_t position, NodeCalls& calls);
  void write_all(NodeCalls calls);
  void write(std::size_t node, std::vector<Part> parts);
  void confirmed(const std::vector<Part>& parts, const std::vector<Result<Written>>& answers);
  void finish();

  const std::shared_ptr<ReplicaGroup> group_;
  const std::vector<std::size_t> in_charge_;
  const Aim aim_;
  const Duration limit_;  // for the reads, and again for the writes: a silent node must not use it up

  std::mutex mutex_;
  std::vector<Key> keys_;
  std::size_t awaited_ = 0;  // calls under way
  Done done_;
};

}  // namespace terrace::distribution
