#pragma once
/// TagTable: the tokens of tags that this process knows.
///
///     unknown ──learn──► known ──forget; forget_all; removed for lack of room──► unknown

#include <memory>
#include <mutex>
#include <string>
#include <terrace/detail/cascade/generations.hpp>
#include <terrace/detail/cascade/tags.hpp>
#include <terrace/memory_cache.hpp>
#include <vector>

namespace terrace::cascade {

/// Thread safe. While the token of a tag is unknown, memory serves no entry with this tag.
class TagTable {
 public:
  explicit TagTable(const Clock& clock) : table_(options(clock)) {}

  [[nodiscard]] Token known(const std::string& tag) {
    const auto state = table_.get(tag);
    return state ? (*state)->token.load() : unknown_token;
  }

  /// The token was known before `when`, and has been known since.
  [[nodiscard]] bool known_since(const std::string& tag, TimePoint when) {
    const auto state = table_.get(tag);
    return state && (*state)->token.load() != unknown_token && (*state)->since.load() < when;
  }

  /// Keeps a token that was asked for after the stamp was taken; not if the tag has been invalidated since.
  void learn(const std::string& tag, Token token, const Stamp& stamp, TimePoint asked) {
    const auto state = intern(tag);
    if (state->token.load() == token) return;
    std::lock_guard lock(learning_);
    if (!generations_.valid(stamp)) return;
    state->since = asked;
    state->token = token;
    // If it has been removed meanwhile for lack of room, forget() does not find it any more.
    const auto kept = table_.get(tag);
    if (!kept || *kept != state) state->token = unknown_token;
  }
  [[nodiscard]] Stamp stamp(std::string_view tag) { return generations_.stamp(tag); }

  void forget(const std::string& tag) {
    generations_.bump(tag);
    // A learn() that has checked its stamp before the bump has stored its token by the time the lock is
    // taken.
    std::lock_guard lock(learning_);
    if (const auto state = table_.get(tag)) (*state)->token = unknown_token;
  }
  void forget_all() {
    generations_.bump_all();
    std::lock_guard lock(learning_);
    table_.for_each([](const std::string&, const StatePtr& state) { state->token = unknown_token; });
  }

  [[nodiscard]] TagMarks mark(const std::vector<std::string>& tags, const std::vector<Token>& tokens) {
    if (tags.empty()) return nullptr;
    auto marks = std::make_shared<std::vector<TagMark>>();
    for (std::size_t i = 0; i < tags.size(); ++i) marks->push_back({tags[i], tokens[i], intern(tags[i])});
    return marks;
  }

 private:
  struct Known : TagState {
    std::atomic<TimePoint> since{TimePoint::max()};
  };
  using StatePtr = std::shared_ptr<Known>;
  static constexpr std::size_t max_tags = 100'000;

  static MemoryOptions<std::string, StatePtr> options(const Clock& clock) {
    MemoryOptions<std::string, StatePtr> out;
    out.max_entries = max_tags;
    out.listener = [](const std::string&, const StatePtr& state, RemovalCause) {
      state->token = unknown_token;
    };
    out.clock = &clock;
    return out;
  }

  StatePtr intern(const std::string& tag) {
    return table_.get_or_insert(tag, [] { return std::make_shared<Known>(); });
  }

  Generations generations_;
  std::mutex learning_;
  MemoryCache<std::string, StatePtr> table_;
};

}  // namespace terrace::cascade
