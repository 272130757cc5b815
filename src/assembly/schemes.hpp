#pragma once
/// The schemes of tier URLs, and where in a list the next URL begins.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "assembly/tier_url.hpp"

namespace terrace::assembly {

/// Reports an error in a tier URL; `where` is the path to the wrong part: "sharded: member 2: ".
[[noreturn]] void refuse(const std::string& where, const std::string& why);

struct Scheme {
  std::string_view text;  ///< with what separates it from the rest: "redis://"
  Kind kind;
};

/// The scheme at the beginning of the text, in any case; null: no known scheme.
const Scheme* scheme_of(std::string_view text) noexcept;

/// The part before :// if it looks like a scheme, known or not; otherwise empty.
std::string_view scheme_like(std::string_view text) noexcept;

/// "redis://, rediss://, …": for messages.
std::string known_schemes();

/// The part before a member's URL: NAME*WEIGHT=. Its length is 0 if there is none.
struct Label {
  std::size_t length = 0;
  std::string_view name;                   ///< empty: no name is given
  std::optional<std::string_view> weight;  ///< not checked yet
};
Label label_of(std::string_view text) noexcept;

/// The parts of a list. Brackets must be in pairs. One part: no comma begins another URL.
std::vector<std::string_view> split_list(std::string_view text, const std::string& where);

/// Where the query begins, ? included; the text's length if there is none. Does not look inside brackets.
std::size_t query_at(std::string_view text) noexcept;

}  // namespace terrace::assembly
