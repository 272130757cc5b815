#include "logins.hpp"

#include <algorithm>
#include <string_view>

namespace terrace::cli {
namespace {

constexpr std::string_view begin_mark = "://";
constexpr std::string_view hidden = "://***@";

/// From each "://" to each "@" after it: which of them end a password cannot be known.
void add_logins(std::string_view word, std::vector<std::string>& logins) {
  constexpr std::size_t most = 1000;
  for (auto begin = word.find(begin_mark); begin != word.npos; begin = word.find(begin_mark, begin + 1)) {
    for (auto end = word.find('@', begin); end != word.npos; end = word.find('@', end + 1)) {
      if (logins.size() < most) logins.emplace_back(word.substr(begin, end + 1 - begin));
    }
  }
}

}  // namespace

std::string without_login(const std::string& word) {
  return without_logins(word, {word});
}

std::string without_logins(std::string text, const std::vector<std::string>& words) {
  std::vector<std::string> logins;
  for (const std::string& word : words) add_logins(word, logins);
  std::sort(logins.begin(), logins.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  for (const std::string& login : logins) {
    for (auto at = text.find(login); at != std::string::npos; at = text.find(login, at + hidden.size()))
      text.replace(at, login.size(), hidden);
  }
  return text;
}

}  // namespace terrace::cli
