#pragma once
/// Tags: an entry remembers the token each of its tags had; it is invalid once the tag has another (coherence
/// rule 5 of docs/reliability.md). A token has two parts: a change of the soft one makes entries stale, of
/// the hard one void.

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

/// What this process knows of a tag; shared by all entries that have it.
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

/// What is unknown equals nothing, itself included.
inline TagVerdict compare_tokens(Token marked, Token now) noexcept {
  if (marked == unknown_token || now == unknown_token) return TagVerdict::void_;
  if (marked == now) return TagVerdict::valid;
  return marked >> soft_token_bits == now >> soft_token_bits ? TagVerdict::stale : TagVerdict::void_;
}

/// The worst of all tags.
inline TagVerdict verdict(const TagMarks& marks) noexcept {
  TagVerdict worst = TagVerdict::valid;
  if (marks == nullptr) return worst;
  for (const TagMark& mark : *marks) {
    worst = std::max(worst, compare_tokens(mark.token, mark.state->token.load(std::memory_order_acquire)));
  }
  return worst;
}

}  // namespace terrace::cascade
