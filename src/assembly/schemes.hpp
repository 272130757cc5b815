#pragma once
/// The schemes of tier URLs, and where in a list the next URL begins.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assembly/tier_url.hpp"

namespace terrace::assembly {

/// Says what is wrong with a tier URL; `where` tells the way to the part at fault: "sharded: member 2: ".
[[noreturn]] void refuse(const std::string& where, const std::string& why);

struct Scheme {
  std::string_view text;  ///< with what separates it from the rest: "redis://"
  Kind kind;
};

/// The scheme that the text begins with, in any case; null: none that is known.
const Scheme* scheme_of(std::string_view text) noexcept;

/// What stands before :// if it looks like a scheme, known or not; empty when nothing does.
std::string_view scheme_like(std::string_view text) noexcept;

/// "redis://, rediss://, …": for messages.
std::string known_schemes();

/// What stands before a member's URL: NAME*WEIGHT=. Its length is 0 when there is nothing.
struct Label {
  std::size_t length = 0;
  std::string_view name;                   ///< empty: none is given
  std::optional<std::string_view> weight;  ///< not yet looked at
};
Label label_of(std::string_view text) noexcept;

/// The parts of a list. Brackets must be in pairs. One part: there is no comma that begins another URL.
std::vector<std::string_view> split_list(std::string_view text, const std::string& where);

/// Where the query begins, ? included; the text's length when there is none. Not inside of brackets.
std::size_t query_at(std::string_view text) noexcept;

}  // namespace terrace::assembly
