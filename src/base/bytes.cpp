#include <array>
#include <terrace/bytes.hpp>

namespace terrace {

std::string printable_key(std::string_view key) {
  constexpr std::size_t shown = 64;
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : key.substr(0, shown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\') {
      out += "\\x";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
  if (key.size() > shown) out += "… (" + std::to_string(key.size()) + " bytes)";
  return out;
}

}  // namespace terrace
