#pragma once
/// Tags: an entry remembers the token that each of its tags had; it is invalid once the tag has another token
/// (coherence rule "Tags" of docs/reliability.md). A token has two parts: a change of the soft part makes
/// entries stale, a change of the hard part makes them unusable.
///
/// While the tier that has the tokens cannot be asked, an entry is not unusable, but unverified: memory serves
/// it as long as the staleness check allows, and in lower tiers it is a stale candidate.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace terrace::cascade {

using Token = std::uint64_t;
inline constexpr unsigned soft_token_bits = 24;
inline constexpr Token unknown_token = 0;

/// The token of a tag as this process knows it; shared by all entries that have the tag.
struct TagState {
  std::atomic<Token> token{
      unknown_token};                 ///< the last one that was known, or none since `changes` was counted
  std::atomic<bool> verified{false};  ///< changes of the token have been reported since it was asked for
  std::atomic<std::uint64_t> changes{0};  ///< invalidations that this process has made or was notified of
};

struct TagMark {
  std::string tag;
  Token token = unknown_token;  ///< unknown: it could not be asked for when the entry was made
  std::shared_ptr<const TagState> state;
  std::uint64_t changes = 0;  ///< of the state, when the mark was made
};

/// Null: no tags.
using TagMarks = std::shared_ptr<const std::vector<TagMark>>;

/// From the best to the worst.
enum class TagVerdict : std::uint8_t { valid, unverified, stale, void_ };

/// An unknown token equals no token, not even another unknown one.
inline TagVerdict compare_tokens(Token marked, Token now) noexcept {
  if (marked == unknown_token || now == unknown_token) return TagVerdict::void_;
  if (marked == now) return TagVerdict::valid;
  return marked >> soft_token_bits == now >> soft_token_bits ? TagVerdict::stale : TagVerdict::void_;
}

/// The verdict of one tag.
inline TagVerdict verdict(const TagMark& mark) noexcept {
  const TagState& state = *mark.state;
  // First: a token that is learned is stored before it counts as verified.
  const bool verified = state.verified.load(std::memory_order_acquire);
  const Token now = state.token.load(std::memory_order_acquire);
  const std::uint64_t changes = state.changes.load(std::memory_order_acquire);
  if (mark.token == unknown_token)
    return mark.changes == changes ? TagVerdict::unverified : TagVerdict::void_;
  if (now == unknown_token && changes == 0) return TagVerdict::unverified;  // it was never known
  const TagVerdict compared = compare_tokens(mark.token, now);
  return compared == TagVerdict::valid && !verified ? TagVerdict::unverified : compared;
}

/// The worst verdict of all tags of an entry.
inline TagVerdict verdict(const TagMarks& marks) noexcept {
  TagVerdict worst = TagVerdict::valid;
  if (marks == nullptr) return worst;
  for (const TagMark& mark : *marks) {
    worst = std::max(worst, verdict(mark));
  }
  return worst;
}

/// A tag of the entry has been invalidated since the entry was made, or may have been.
inline bool was_invalidated(const TagMarks& marks) noexcept {
  if (marks == nullptr) return false;
  return std::any_of(marks->begin(), marks->end(),
                     [](const TagMark& mark) { return verdict(mark) > TagVerdict::unverified; });
}

}  // namespace terrace::cascade
