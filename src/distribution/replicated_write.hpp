#pragma once
/// ReplicatedWrite: writes many keys, each to all the nodes that hold it; done when W members have confirmed.
///
/// A version orders each write. Strong: R members are first asked for their versions, and the new one is
/// above them (the first phase of ABD). Otherwise it is above all versions that this process has seen; a node
/// that holds a higher one reports it, and the write is sent again with a version above that. A node that did
/// not confirm gets a hint.

#include <memory>
#include <mutex>

#include "distribution/node_calls.hpp"
#include "distribution/replica_group.hpp"

namespace terrace::distribution {

/// One change. `order` is TierWrite::version: if it is not 0, the write takes effect only above values
/// written with a lower order or none.
struct Change {
  std::string_view key;
  std::optional<BytesView> value;  ///< nothing: delete the key
  std::optional<Duration> ttl = {};
  std::uint64_t order = 0;
  /// The write's version, chosen by the caller. Then the outcome is whether it took effect: false if a node
  /// holds a higher one.
  std::optional<Version> version = {};
};

class ReplicatedWrite : public std::enable_shared_from_this<ReplicatedWrite> {
 public:
  /// For each change: whether there was an unexpired value before.
  using Done = Handler<std::vector<Result<bool>>>;

  /// Changes of the same key take effect in their order.
  static void start(std::shared_ptr<ReplicaGroup> group, const std::vector<Change>& changes,
                    TimePoint deadline, Done done);

  ReplicatedWrite(std::shared_ptr<ReplicaGroup> group, TimePoint deadline, Done done)
      : group_(std::move(group)), deadline_(deadline), done_(std::move(done)) {}

 private:
  static void start_distinct(std::shared_ptr<ReplicaGroup> group, const std::vector<Change>& changes,
                             TimePoint deadline, Done done);
  static void start_now(std::shared_ptr<ReplicaGroup> group, const std::vector<Change>& changes,
                        TimePoint deadline, Done done);

  struct Key {
    Key(const Change& change, const ReplicaGroup& group);

    std::string key;
    std::optional<Bytes> value;
    std::optional<Duration> ttl;
    std::uint64_t order;
    bool chosen;                       // the caller chose the version
    bool overtaken = false;            // a node holds a higher one
    std::vector<std::size_t> holders;  // by replica
    ReadVote before;                   // the existing versions
    WriteVote vote;
    Version version = {};
    unsigned round = 0;  // how often it was sent
    bool was_live = false;
    bool open = true;
    Result<bool> outcome = {};
  };
  struct Next {
    NodeCalls versions;
    NodeCalls writes;
  };

  void send(Next next);
  void ask_versions(std::size_t node, std::vector<Part> parts);
  void write(std::size_t node, std::vector<Part> parts);
  void told_versions(std::size_t node, const std::vector<Part>& parts,
                     const std::vector<Result<Written>>& answers);
  void confirmed(std::size_t node, const std::vector<Part>& parts,
                 const std::vector<Result<Written>>& answers);
  void confirmed_one(Key& key, Part part, std::size_t node, const Result<Written>& answer, Next& next);
  void choose_version(Key& key, std::size_t position, Next& next);
  void write_above(Key& key, std::size_t position, const Version& seen, Next& next);
  void write_everywhere(Key& key, std::size_t position, Next& next);
  void too_late(Key& key, std::size_t node);
  void close(Key& key, Result<bool> outcome);
  void proceed(Next next);

  const std::shared_ptr<ReplicaGroup> group_;
  const TimePoint deadline_;

  std::mutex mutex_;
  std::vector<Key> keys_;
  std::size_t open_ = 0;
  unsigned sending_ = 0;  // threads that will call proceed(), or are in it
  Done done_;
};

}  // namespace terrace::distribution
