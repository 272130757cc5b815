#pragma once
/// SchemaType: a type, parsed into a tree from the schema text of docs/wire-format.md.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <terrace/document.hpp>
#include <terrace/result.hpp>
#include <vector>

namespace terrace::service {

struct SchemaType;
using SchemaTypePtr = std::shared_ptr<const SchemaType>;

struct SchemaType {
  enum class Kind : std::uint8_t {
    nil,
    boolean,
    integer,  ///< also whole ticks: `bits`, `is_signed`
    real,     ///< also ticks with a fraction: `bits`
    text,
    bytes,
    fixed_bytes,     ///< `count` bytes
    sequence,        ///< elements are parts[0]
    fixed_sequence,  ///< `count` elements of parts[0]
    map,             ///< parts[0] to parts[1]
    tuple,           ///< also aggregates
    variant,
    optional,  ///< contains parts[0]
    own,       ///< written by a codec of the program
    outermost  ///< the type that encloses all others
  };
  Kind kind = Kind::nil;
  unsigned bits = 64;
  bool is_signed = true;
  std::uint64_t count = 0;
  std::vector<SchemaTypePtr> parts = {};
  std::string text = {};  ///< the type in the schema text, for messages
};

/// Errc::invalid_argument: it is no schema text (the message gives the position, and what was expected
/// there), nested deeper than 32, or longer than 4 KiB. A text with ^N is accepted only if its meaning is
/// unambiguous: N is the number of parentheses around it.
[[nodiscard]] Result<SchemaTypePtr> parse_schema(std::string_view text);

/// The codec and fingerprint of a value with this schema text. For "own:ID:SCHEMA" the named ones.
[[nodiscard]] StoredKind kind_of_schema(std::string_view text, const SchemaType& type);

}  // namespace terrace::service
