#pragma once
/// TagTable: the tokens of tags that this process knows.
///
///     unknown ──learn──► verified ──doubt: the watch is lost, or none─► unverified ──learn──► verified
///        ▲                  └──invalidated, noticed, forget_all────────────┴──the same──► unknown

#include <algorithm>
#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <terrace/detail/cascade/generations.hpp>
#include <terrace/detail/cascade/tags.hpp>
#include <terrace/memory_cache.hpp>
#include <utility>
#include <vector>

namespace terrace::cascade {

/// Thread safe. It keeps the states of the latest 100,000 tags, and those of all tags of entries in memory.
class TagTable {
 public:
  explicit TagTable(const Clock& clock) : latest_(options(clock)) {}

  /// The token, if it is verified.
  [[nodiscard]] Token known(const std::string& tag) {
    const auto state = find(tag);
    if (state == nullptr || !state->verified.load()) return unknown_token;
    return state->token.load();
  }

  /// The token was known before `when`, and has been verified since.
  [[nodiscard]] bool known_since(const std::string& tag, TimePoint when) {
    const auto state = find(tag);
    return state && state->verified.load() && state->token.load() != unknown_token &&
           state->since.load() < when;
  }

  /// Keeps a token that was asked for after the stamp was taken; not if the tag has been invalidated since.
  /// It lasts at least until `lasts` in its tier; min(): nobody has said.
  void learn(const std::string& tag, Token token, const Stamp& stamp, TimePoint asked,
             TimePoint lasts = TimePoint::min()) {
    const auto state = intern(tag);
    const bool known = state->verified.load() && state->token.load() == token;
    if (known && lasts <= state->lasts.load()) return;
    std::lock_guard lock(learning_);
    if (!generations_.valid(stamp)) return;
    state->lasts = std::max(lasts, state->lasts.load());
    if (known) return;
    state->since = asked;
    state->token = token;
    state->verified = true;
  }
  /// The token is known to stay in its tier until then.
  [[nodiscard]] bool lasts(const std::string& tag, TimePoint until) {
    const auto state = find(tag);
    return state && state->lasts.load() >= until;
  }
  [[nodiscard]] Stamp stamp(std::string_view tag) { return generations_.stamp(tag); }

  /// The tag was invalidated: entries with it are unusable until its token is learned, and is theirs.
  void invalidated(const std::string& tag) {
    intern(tag);  // kept for the entries that may come from a lower tier
    noticed(tag);
  }
  /// A watch has reported that its token may have changed: the same for a tag that this process uses.
  void noticed(const std::string& tag) {
    generations_.bump(tag);
    ++changes_;
    // A learn() that has checked its stamp before the bump has stored its token by the time the lock is
    // taken.
    std::lock_guard lock(learning_);
    if (const auto state = find(tag)) forget(*state);
  }
  void forget_all() {
    generations_.bump_all();
    ++changes_;
    std::lock_guard lock(learning_);
    for (const StatePtr& state : states_->all()) forget(*state);
  }

  /// The token could not be asked for, and nobody reports its changes.
  void doubt(const std::string& tag) {
    std::lock_guard lock(learning_);
    if (const auto state = find(tag)) state->verified = false;
  }
  /// The watch is lost, or has begun again: changes of tokens may have gone unnoticed.
  void doubt_all() {
    generations_.bump_all();
    std::lock_guard lock(learning_);
    for (const StatePtr& state : states_->all()) state->verified = false;
  }

  /// How often a tag, or all of them, were invalidated or reported.
  [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }

  [[nodiscard]] TagMarks mark(const std::vector<std::string>& tags, const std::vector<Token>& tokens) {
    if (tags.empty()) return nullptr;
    auto marks = std::make_shared<std::vector<TagMark>>();
    for (std::size_t i = 0; i < tags.size(); ++i) {
      const auto state = intern(tags[i]);
      marks->push_back({tags[i], tokens[i], state, state->changes.load()});
    }
    return marks;
  }

  /// For tags whose tokens cannot be asked for: with the last tokens that were known, if there are any. To be
  /// made before the value is loaded.
  [[nodiscard]] TagMarks mark_unverified(const std::vector<std::string>& tags) {
    if (tags.empty()) return nullptr;
    auto marks = std::make_shared<std::vector<TagMark>>();
    for (const std::string& tag : tags) {
      const auto state = intern(tag);
      const std::uint64_t changes = state->changes.load();  // first: a change after it makes the mark void
      marks->push_back({tag, state->token.load(), state, changes});
    }
    return marks;
  }

 private:
  struct Known;
  using StatePtr = std::shared_ptr<Known>;

  /// All states that exist: of the latest tags, and of tags of entries in memory.
  class States {
   public:
    StatePtr find(const std::string& tag) {
      std::lock_guard lock(mutex_);
      const auto found = states_.find(tag);
      return found == states_.end() ? nullptr : found->second.lock();
    }
    StatePtr find_or_make(const std::string& tag, const std::shared_ptr<States>& self) {
      std::lock_guard lock(mutex_);
      auto& place = states_[tag];
      auto state = place.lock();
      if (state == nullptr) place = state = std::make_shared<Known>(tag, self);
      return state;
    }
    void remove(const std::string& tag) {
      std::lock_guard lock(mutex_);
      const auto found = states_.find(tag);
      if (found != states_.end() && found->second.expired()) states_.erase(found);
    }
    std::vector<StatePtr> all() {
      std::vector<StatePtr> out;
      std::lock_guard lock(mutex_);
      for (const auto& [tag, weak] : states_) {
        if (auto state = weak.lock()) out.push_back(std::move(state));
      }
      return out;
    }

   private:
    std::mutex mutex_;
    boost::unordered_flat_map<std::string, std::weak_ptr<Known>> states_;
  };

  struct Known : TagState {
    Known(std::string name, std::shared_ptr<States> states) : tag(std::move(name)), home(std::move(states)) {}
    Known(const Known&) = delete;
    Known& operator=(const Known&) = delete;
    ~Known() { home->remove(tag); }
    const std::string tag;
    const std::shared_ptr<States> home;
    std::atomic<TimePoint> since{TimePoint::max()};
    std::atomic<TimePoint> lasts{TimePoint::min()};
  };

  static void forget(Known& state) {
    ++state.changes;
    state.token = unknown_token;
    state.verified = false;
    state.lasts = TimePoint::min();
  }

  static MemoryOptions<std::string, StatePtr> options(const Clock& clock) {
    MemoryOptions<std::string, StatePtr> out;
    out.max_entries = 100'000;
    out.clock = &clock;
    return out;
  }

  StatePtr find(const std::string& tag) {
    const auto state = latest_.get(tag);
    return state ? *state : states_->find(tag);
  }
  StatePtr intern(const std::string& tag) {
    return latest_.get_or_insert(tag, [&] { return states_->find_or_make(tag, states_); });
  }

  Generations generations_;
  std::atomic<std::uint64_t> changes_{0};
  std::mutex learning_;
  const std::shared_ptr<States> states_ = std::make_shared<States>();
  MemoryCache<std::string, StatePtr> latest_;
};

}  // namespace terrace::cascade
