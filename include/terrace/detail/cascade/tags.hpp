#pragma once
/// Tags: an entry remembers the token that each of its tags had; it is invalid once the tag has another token
/// (coherence rule "Tags" of docs/reliability.md). A token has two parts: a change of the soft part makes
/// entries stale, a change of the hard part makes them unusable.

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
  std::atomic<Token> token{unknown_token};
};

struct TagMark {
  std::string tag;
  Token token;
  std::shared_ptr<const TagState> state;
};

/// Null: no tags.
using TagMarks = std::shared_ptr<const std::vector<TagMark>>;

enum class TagVerdict : std::uint8_t { valid, stale, void_ };

/// An unknown token equals no token, not even another unknown one.
inline TagVerdict compare_tokens(Token marked, Token now) noexcept {
  if (marked == unknown_token || now == unknown_token) return TagVerdict::void_;
  if (marked == now) return TagVerdict::valid;
  return marked >> soft_token_bits == now >> soft_token_bits ? TagVerdict::stale : TagVerdict::void_;
}

/// The worst verdict of all tags of an entry.
inline TagVerdict verdict(const TagMarks& marks) noexcept {
  TagVerdict worst = TagVerdict::valid;
  if (marks == nullptr) return worst;
  for (const TagMark& mark : *marks) {
    worst = std::max(worst, compare_tokens(mark.token, mark.state->token.load(std::memory_order_acquire)));
  }
  return worst;
}

/// A tag whose token was known when the entry was made has another token now, or an unknown one. Differs from
/// verdict(): a tag whose token was unknown from the start does not count here.
inline bool was_invalidated(const TagMarks& marks) noexcept {
  if (marks == nullptr) return false;
  return std::any_of(marks->begin(), marks->end(), [](const TagMark& mark) {
    return mark.token != unknown_token && mark.token != mark.state->token.load(std::memory_order_acquire);
  });
}

}  // namespace terrace::cascade
