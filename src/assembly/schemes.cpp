#include "assembly/schemes.hpp"

#include <algorithm>
#include <array>
#include <terrace/result.hpp>

namespace terrace::assembly {
namespace {

constexpr std::array schemes{
    Scheme{"redis://", Kind::redis},
    Scheme{"rediss://", Kind::redis},
    Scheme{"unix://", Kind::redis},
    Scheme{"redis+unix://", Kind::redis},
    Scheme{"redis-cluster://", Kind::cluster},
    Scheme{"rediss-cluster://", Kind::cluster},
    Scheme{"sqlite:", Kind::sqlite},
    Scheme{"postgres://", Kind::postgres},
    Scheme{"postgresql://", Kind::postgres},
    Scheme{"sharded:", Kind::sharded},
    Scheme{"replicated:", Kind::replicated},
};

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

/// The characters of names. Those of addresses are included, so that a server that moved can keep its name.
bool is_label(char c) noexcept {
  const char small = lower(c);
  return (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("._:/-+*").find(c) != std::string_view::npos;
}

/// An unknown scheme begins a URL as well, so it is rejected by its name.
bool begins_url(std::string_view text) noexcept {
  return text.starts_with('[') || scheme_of(text) != nullptr || !scheme_like(text).empty();
}

}  // namespace

void refuse(const std::string& where, const std::string& why) {
  throw ConfigError("Tier URL: " + where + why);
}

std::string_view scheme_like(std::string_view text) noexcept {
  constexpr std::size_t longest = 32;
  const auto letter = [](char c) { return lower(c) >= 'a' && lower(c) <= 'z'; };
  std::size_t end = 0;
  while (end < std::min(text.size(), longest) && (letter(text[end]) || text[end] == '+' || text[end] == '-'))
    ++end;
  return end > 1 && text.substr(end).starts_with("://") ? text.substr(0, end) : std::string_view();
}

const Scheme* scheme_of(std::string_view text) noexcept {
  const auto begins = [&](const Scheme& scheme) {
    return text.size() >= scheme.text.size() &&
           std::equal(scheme.text.begin(), scheme.text.end(), text.begin(),
                      [](char known, char c) { return known == lower(c); });
  };
  const auto* const found = std::find_if(schemes.begin(), schemes.end(), begins);
  return found == schemes.end() ? nullptr : found;
}

std::string known_schemes() {
  std::string all;
  for (const Scheme& scheme : schemes) all += (all.empty() ? "" : ", ") + std::string(scheme.text);
  return all;
}

Label label_of(std::string_view text) noexcept {
  const auto end =
      static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_label) - text.begin());
  if (end == text.size() || text[end] != '=' || !begins_url(text.substr(end + 1))) return {};
  // An address may be a name, but a URL with a password that continues with =[ is none.
  if (scheme_of(text) != nullptr && text[end + 1] == '[') return {};
  const auto star = text.substr(0, end).find('*');
  Label label{end + 1, text.substr(0, std::min(star, end)), std::nullopt};
  if (star != std::string_view::npos) label.weight = text.substr(star + 1, end - star - 1);
  return label;
}

std::vector<std::string_view> split_list(std::string_view text, const std::string& where) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  std::size_t open = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '[') ++open;
    if (text[i] == ']' && open-- == 0) refuse(where, "there is a ] without a [; elsewhere write %5D for a ]");
    if (text[i] != ',' || open > 0) continue;
    const std::string_view rest = text.substr(i + 1);
    if (!begins_url(rest) && label_of(rest).length == 0) continue;
    parts.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  if (open > 0) refuse(where, "a [ is not closed by ]; elsewhere write %5B for a [");
  parts.push_back(text.substr(begin));
  return parts;
}

std::size_t query_at(std::string_view text) noexcept {
  std::size_t open = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '[') ++open;
    if (text[i] == ']') --open;
    if (text[i] == '?' && open == 0) return i;
  }
  return text.size();
}

}  // namespace terrace::assembly
