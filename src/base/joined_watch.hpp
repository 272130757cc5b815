#pragma once
/// JoinedWatch: joins the watches of several shared tiers (the shards of one tier, the primaries of a
/// cluster) for one watcher, as if they were one watch. JoinedWatches: all such watches of a tier made of
/// tiers, and its present members.
///
/// The watcher gets watching(since) once every member watches. `since` is the latest of the members' times
/// and of the last change of the membership, because values read before may have been changed elsewhere. It
/// gets lost() when a member is lost or the membership changes, and then watching() again. proven() is the
/// time that every member has proven. Changes are passed on at any time, also while a member is lost.
///
/// Members may call from any thread, also from inside one another. Their reports are queued; a thread that
/// finds no other thread reporting delivers all of them. So one thread at a time calls the watcher, in each
/// member's order, and no lock is held meanwhile. Thread safe.

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <terrace/shared_tier.hpp>
#include <thread>

namespace terrace {

/// Identifies a member; the owner of the watch chooses it.
using WatchMember = std::uint64_t;

/// Added and removed members of one step. A name that is both removed and added means another tier.
struct WatchChange {
  std::map<WatchMember, SharedTier*> added = {};
  std::vector<WatchMember> removed = {};
};

class JoinedWatch : public std::enable_shared_from_this<JoinedWatch> {
 public:
  JoinedWatch(const Clock& clock, std::vector<std::string> prefixes, std::shared_ptr<Watcher> watcher);

  /// Throws the exception of a tier's watch() (ConfigError); then none of the members was added. A tier must
  /// stay until it is removed. Removing an unknown member is allowed.
  void change(const WatchChange& change);

  /// Afterwards no call comes any more. Waits for a call under way, unless it is on this thread.
  void end();

 private:
  class FromMember;
  enum class State { untold, watching, lost };
  struct Joined {
    std::uint64_t joining = 0;  // distinguishes a member from a former one with the same name
    State state = State::untold;
    TimePoint since{};
    TimePoint proven = TimePoint::min();
    std::shared_ptr<void> watch = {};
  };
  using Call = UniqueFunction<void(Watcher&)>;
  using Lock = std::unique_lock<std::mutex>;

  // The reports of a member.
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
  State state_ = State::untold;  // the state that the watcher was told, or will be told by the queue
  TimePoint since_{};            // for State::watching
  TimePoint proven_{};           // the last reported time
  std::deque<Call> calls_;
  bool delivering_ = false;
  std::thread::id caller_{};
  bool ended_ = false;
};

class JoinedWatches {
 public:
  explicit JoinedWatches(const Clock& clock) : clock_(clock) {}

  /// For existing watches and later ones. Neither this nor watch() may be called from inside a watcher.
  void change(const WatchChange& change);

  /// Like SharedTier::watch, over all members.
  [[nodiscard]] std::shared_ptr<void> watch(std::vector<std::string> prefixes,
                                            std::shared_ptr<Watcher> watcher);

 private:
  const Clock& clock_;
  std::mutex changing_;  // one change of members or watches at a time
  std::map<WatchMember, SharedTier*> members_;
  std::vector<std::weak_ptr<JoinedWatch>> watches_;
};

}  // namespace terrace
