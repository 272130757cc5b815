#pragma once
/// JoinedWatch: the watches of several shared tiers (the shards of one tier, the primaries of a cluster),
/// told to one watcher as if they were one watch. JoinedWatches: all such watches of a tier made of tiers,
/// and the members it has now.
///
/// The watcher hears watching(since) once every member watches; `since` is the latest of theirs and of the
/// last change of the membership, for what was read before may have been changed elsewhere. It hears lost()
/// when a member is lost or the membership changes, and then watching() anew. proven() is what every member
/// has proven. Changes are passed on at any time, also while a member is lost.
///
/// Members may call from any thread, also from inside one another: what they tell is queued, and who finds
/// nobody telling tells all of it. So the watcher is called by one thread at a time, in each member's order,
/// and no lock is held meanwhile. Thread safe.

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <terrace/shared_tier.hpp>
#include <thread>

namespace terrace {

/// Names a member; the owner of the watch chooses it.
using WatchMember = std::uint64_t;

/// What a membership gains and loses in one step. A name that is removed and added means another tier.
struct WatchChange {
  std::map<WatchMember, SharedTier*> added = {};
  std::vector<WatchMember> removed = {};
};

class JoinedWatch : public std::enable_shared_from_this<JoinedWatch> {
 public:
  JoinedWatch(const Clock& clock, std::vector<std::string> prefixes, std::shared_ptr<Watcher> watcher);

  /// Throws what a tier's watch() throws (ConfigError); then none of them was added. A tier must stay until
  /// it is removed. To remove what is no member is no fault.
  void change(const WatchChange& change);

  /// No call comes any more; waits for one on its way, unless it is this thread's own.
  void end();

 private:
  class FromMember;
  enum class State { untold, watching, lost };
  struct Joined {
    std::uint64_t joining = 0;  // tells who is a member from who was one under this name
    State state = State::untold;
    TimePoint since{};
    TimePoint proven = TimePoint::min();
    std::shared_ptr<void> watch = {};
  };
  using Call = UniqueFunction<void(Watcher&)>;
  using Lock = std::unique_lock<std::mutex>;

  // What a member tells.
  template <class Act>
  void from(WatchMember member, std::uint64_t joining, Act act);

  std::map<WatchMember, std::uint64_t> enroll(const WatchChange& change);
  std::vector<std::shared_ptr<void>> drop(const std::vector<WatchMember>& members);
  void tell_state();
  void tell_lost();
  void tell_proven();
  void tell(Call call) { calls_.push_back(std::move(call)); }
  void deliver(Lock& lock);

  const Clock& clock_;
  const std::vector<std::string> prefixes_;

  std::mutex mutex_;
  std::condition_variable quiet_;
  std::shared_ptr<Watcher> watcher_;
  std::map<WatchMember, Joined> members_;
  std::uint64_t joinings_ = 0;
  TimePoint membership_since_ = TimePoint::min();
  State state_ = State::untold;  // what the watcher was told, or will be by what is queued
  TimePoint since_{};            // of State::watching
  TimePoint proven_{};           // told
  std::deque<Call> calls_;
  bool delivering_ = false;
  std::thread::id caller_{};
  bool ended_ = false;
};

class JoinedWatches {
 public:
  explicit JoinedWatches(const Clock& clock) : clock_(clock) {}

  /// For the watches there are and those to come. Must not be called from inside a watcher, nor watch().
  void change(const WatchChange& change);

  /// As SharedTier::watch, over all members.
  [[nodiscard]] std::shared_ptr<void> watch(std::vector<std::string> prefixes,
                                            std::shared_ptr<Watcher> watcher);

 private:
  const Clock& clock_;
  std::mutex changing_;  // one change of members or watches at a time
  std::map<WatchMember, SharedTier*> members_;
  std::vector<std::weak_ptr<JoinedWatch>> watches_;
};

}  // namespace terrace
