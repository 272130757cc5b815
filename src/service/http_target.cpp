#include "service/http_target.hpp"

#include <algorithm>

namespace terrace::service {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::optional<std::string> decode(std::string_view text, bool plus_is_blank) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += plus_is_blank && text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

/// Cuts off the text before the mark, and the mark.
std::string_view cut(std::string_view& text, char mark) {
  const std::size_t at = text.find(mark);
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return part;
}

}  // namespace

std::optional<HttpTarget> parse_target(std::string_view target) {
  if (!target.starts_with('/')) return std::nullopt;
  HttpTarget out;
  std::string_view query = target;
  std::string_view path = cut(query, '?').substr(1);
  while (!path.empty()) {
    auto part = decode(cut(path, '/'), false);
    if (!part) return std::nullopt;
    out.path.push_back(std::move(*part));
  }
  while (!query.empty()) {
    std::string_view value = cut(query, '&');
    auto name = decode(cut(value, '='), true);
    auto held = decode(value, true);
    if (!name || !held) return std::nullopt;
    if (!name->empty()) out.query.emplace_back(std::move(*name), std::move(*held));
  }
  return out;
}

}  // namespace terrace::service
