#include "base/joined_watch.hpp"

#include <algorithm>
#include <utility>

namespace terrace {

/// The watcher that is given to one member. It holds its watch weakly: a tier may keep it longer.
class JoinedWatch::FromMember final : public Watcher {
 public:
  FromMember(std::weak_ptr<JoinedWatch> joined, WatchMember member, std::uint64_t joining)
      : joined_(std::move(joined)), member_(member), joining_(joining) {}

  void watching(TimePoint since) override {
    tell([since](JoinedWatch& joined, Joined& self) {
      if (self.state == State::watching && joined.state_ == State::watching) joined.tell_lost();
      self.state = State::watching;
      self.since = since;
      self.proven = TimePoint::min();
      joined.tell_state();
    });
  }
  void changed(const std::vector<std::string>& keys) override {
    tell([&](JoinedWatch& joined, Joined&) {
      joined.tell([keys](Watcher& watcher) { watcher.changed(keys); });
    });
  }
  void changed_all() override {
    tell([](JoinedWatch& joined, Joined&) { joined.tell([](Watcher& watcher) { watcher.changed_all(); }); });
  }
  void lease_changed(const std::vector<std::string>& keys) override {
    tell([&](JoinedWatch& joined, Joined&) {
      joined.tell([keys](Watcher& watcher) { watcher.lease_changed(keys); });
    });
  }
  void proven(TimePoint until) override {
    tell([until](JoinedWatch& joined, Joined& self) {
      self.proven = until;
      joined.tell_proven();
    });
  }
  void lost() override {
    tell([](JoinedWatch& joined, Joined& self) {
      self.state = State::lost;
      joined.tell_lost();
    });
  }

 private:
  template <class Act>
  void tell(Act act) {
    if (const auto joined = joined_.lock()) joined->from(member_, joining_, std::move(act));
  }

  const std::weak_ptr<JoinedWatch> joined_;
  const WatchMember member_;
  const std::uint64_t joining_;
};

JoinedWatch::JoinedWatch(const Clock& clock, std::vector<std::string> prefixes,
                         std::shared_ptr<Watcher> watcher)
    : clock_(clock), prefixes_(std::move(prefixes)), watcher_(std::move(watcher)) {}

template <class Act>
void JoinedWatch::from(WatchMember member, std::uint64_t joining, Act act) {
  Lock lock(mutex_);
  const auto found = members_.find(member);
  if (ended_ || found == members_.end() || found->second.joining != joining) return;
  act(*this, found->second);
  deliver(lock);
}

// ---- Members

void JoinedWatch::change(const WatchChange& change) {
  // A member's watch may still report changes, and must find the lock free; so members begin and end outside
  // of it.
  const auto dropped = drop(change.removed);
  for (const auto& [member, joining] : enroll(change)) {
    std::shared_ptr<void> watch;
    try {
      watch = change.added.at(member)->watch(prefixes_,
                                             std::make_shared<FromMember>(weak_from_this(), member, joining));
    } catch (...) {
      std::vector<WatchMember> added;
      for (const auto& [name, tier] : change.added) added.push_back(name);
      const auto undone = drop(added);
      throw;
    }
    const Lock lock(mutex_);
    const auto found = members_.find(member);
    if (!ended_ && found != members_.end() && found->second.joining == joining) {
      found->second.watch.swap(watch);
    }
  }
  Lock lock(mutex_);
  tell_state();
  deliver(lock);
}

/// Returns the handles of the watches to end. It removes the members at once, so their later reports do not
/// count.
std::vector<std::shared_ptr<void>> JoinedWatch::drop(const std::vector<WatchMember>& members) {
  Lock lock(mutex_);
  std::vector<std::shared_ptr<void>> watches;
  for (const WatchMember member : members) {
    const auto found = members_.find(member);
    if (found == members_.end()) continue;
    watches.push_back(std::move(found->second.watch));
    members_.erase(found);
  }
  if (watches.empty()) return watches;
  membership_since_ = clock_.now();
  if (state_ == State::watching) tell_lost();
  deliver(lock);
  return watches;
}

/// Adds all new members at once, before the first of them reports anything, so that the watcher sees one
/// change.
std::map<WatchMember, std::uint64_t> JoinedWatch::enroll(const WatchChange& change) {
  Lock lock(mutex_);
  std::map<WatchMember, std::uint64_t> joinings;
  if (ended_) return joinings;
  if (!change.added.empty() && state_ != State::untold) membership_since_ = clock_.now();
  for (const auto& [member, tier] : change.added) {
    members_[member] = Joined{++joinings_};
    joinings.emplace(member, joinings_);
  }
  if (!joinings.empty() && state_ == State::watching) tell_lost();
  deliver(lock);
  return joinings;
}

void JoinedWatch::end() {
  std::vector<std::shared_ptr<void>> watches;
  std::shared_ptr<Watcher> last;
  Lock lock(mutex_);
  ended_ = true;
  calls_.clear();
  for (auto& [name, member] : members_) watches.push_back(std::move(member.watch));
  members_.clear();
  last.swap(watcher_);
  if (delivering_ && caller_ != std::this_thread::get_id()) {
    quiet_.wait(lock, [this] { return !delivering_; });
  }
  lock.unlock();
}

// ---- The watcher

void JoinedWatch::tell_state() {
  if (state_ == State::watching || members_.empty()) return;
  TimePoint since = membership_since_;
  for (const auto& [name, member] : members_) {
    if (member.state != State::watching) return;
    since = std::max(since, member.since);
  }
  state_ = State::watching;
  since_ = since;
  proven_ = TimePoint::min();
  tell([since](Watcher& watcher) { watcher.watching(since); });
  tell_proven();
}

void JoinedWatch::tell_lost() {
  if (std::exchange(state_, State::lost) == State::lost) return;
  tell([](Watcher& watcher) { watcher.lost(); });
}

void JoinedWatch::tell_proven() {
  if (state_ != State::watching) return;
  TimePoint until = no_deadline;
  for (const auto& [name, member] : members_) until = std::min(until, member.proven);
  if (until <= proven_ || until < since_) return;
  proven_ = until;
  tell([until](Watcher& watcher) { watcher.proven(until); });
}

void JoinedWatch::deliver(Lock& lock) {
  if (delivering_) return;
  delivering_ = true;
  caller_ = std::this_thread::get_id();
  const auto watcher = watcher_;  // if it is ended inside a call, it lives until that call ends
  while (!calls_.empty()) {
    Call call = std::move(calls_.front());
    calls_.pop_front();
    lock.unlock();
    call(*watcher);
    lock.lock();
  }
  caller_ = {};
  delivering_ = false;
  quiet_.notify_all();
}

// All watches of a tier.

void JoinedWatches::change(const WatchChange& change) {
  const std::lock_guard lock(changing_);
  for (const WatchMember member : change.removed) members_.erase(member);
  for (const auto& [member, tier] : change.added) members_[member] = tier;
  std::erase_if(watches_, [](const auto& watch) { return watch.expired(); });
  for (const auto& known : watches_) {
    if (const auto watch = known.lock()) watch->change(change);
  }
}

std::shared_ptr<void> JoinedWatches::watch(std::vector<std::string> prefixes,
                                           std::shared_ptr<Watcher> watcher) {
  const auto watch = std::make_shared<JoinedWatch>(clock_, std::move(prefixes), std::move(watcher));
  const std::lock_guard lock(changing_);
  watch->change({.added = members_});
  watches_.push_back(watch);
  return {watch.get(), [watch](void*) { watch->end(); }};
}

}  // namespace terrace
