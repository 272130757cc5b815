#include "operate/terminal_text.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "service/text_json.hpp"

namespace terrace::cli {
namespace {

/// The bytes of the first character; of what is no UTF-8: 0.
std::size_t first_character(std::string_view text) noexcept {
  for (std::size_t size = 1; size <= 4 && size <= text.size(); ++size) {
    if (service::is_utf8(text.substr(0, size))) return size;
  }
  return 0;
}

char32_t code_point(std::string_view character) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0);
  char32_t code = byte(0) & (0xffU >> (character.size() + 1));
  for (std::size_t i = 1; i < character.size(); ++i) code = code << 6U | (byte(i) & 0x3fU);
  return code;
}

bool is_harmful(char32_t code) noexcept {
  const bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  const bool is_separator = code == 0x2028 || code == 0x2029;
  const bool is_direction = code == 0x61c || code == 0x200e || code == 0x200f ||
                            (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return is_control || is_separator || is_direction;
}

template <class Escape>
std::string escaped(std::string_view text, const Escape& escape) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = first_character(text);
    const std::string_view character = text.substr(0, size == 0 ? 1 : size);
    const char32_t code = size == 0 ? 0 : code_point(character);
    if (size == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else if (is_harmful(code)) {
      out += escape(static_cast<std::uint32_t>(code));
    } else {
      out += character;
    }
    text.remove_prefix(character.size());
  }
  return out;
}

}  // namespace

std::string harmless(std::string_view text) {
  return escaped(text, [](std::uint32_t code) {
    return code < 0x80 ? fmt::format("\\x{:02x}", code) : fmt::format("\\u{:04x}", code);
  });
}

std::string harmless(const boost::json::value& value) {
  if (const auto* const text = value.if_string()) return harmless(std::string_view(*text));
  return harmless_json(value);
}

std::string harmless_json(const boost::json::value& value) {
  return escaped(boost::json::serialize(value),
                 [](std::uint32_t code) { return fmt::format("\\u{:04x}", code); });
}

std::size_t width(std::string_view utf8) noexcept {
  std::size_t columns = 0;
  for (const char c : utf8) columns += (static_cast<unsigned char>(c) & 0xc0U) == 0x80 ? 0 : 1;
  return columns;
}

std::string_view cut(std::string_view utf8, std::size_t columns) noexcept {
  std::size_t end = 0;
  for (; end < utf8.size(); ++end) {
    const bool begins = (static_cast<unsigned char>(utf8[end]) & 0xc0U) != 0x80;
    if (begins && columns-- == 0) break;
  }
  return utf8.substr(0, end);
}

}  // namespace terrace::cli
