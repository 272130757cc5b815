#pragma once
/// The text form of a KeyRing (key_ring.hpp), line by line.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "envelope/sealing_key.hpp"

namespace terrace::envelope {

/// Longest text of a ring, in bytes.
inline constexpr std::size_t max_key_text = 64 * 1024;

enum class KeyState : std::uint8_t { primary, secondary, retired };

struct KeyLine {
  SealingKey key;  ///< with its secret, even if it is retired
  KeyState state;
  std::string_view state_text;  ///< the state's place in the text
};

/// The keys of a valid ring, in the order of their lines. Throws ConfigError.
[[nodiscard]] std::vector<KeyLine> parse_key_lines(std::string_view text);

/// "ID STATE KEY\n" with a new random key.
[[nodiscard]] std::string new_key_line(std::uint32_t id, KeyState state);

[[nodiscard]] std::string_view to_string(KeyState state) noexcept;

}  // namespace terrace::envelope
