#include "service/config_text.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <terrace/bytes.hpp>

#include "envelope/secret_file.hpp"

namespace terrace::config {
namespace {

constexpr std::size_t max_secret = 64 * 1024;

bool is_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  return !text.empty() && letter(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF", plain = "-._~";
  std::string out;
  for (const char c : text) {
    const bool keep = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      plain.find(c) != std::string_view::npos;
    if (keep) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    (out += '%') += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

/// The text without substitutions.
std::string literal(std::string_view raw) {
  std::string out;
  while (true) {
    const auto begin = raw.find("${");
    out += raw.substr(0, begin);
    const auto end = raw.find('}', std::min(begin, raw.size()));
    if (end == std::string_view::npos) return out;
    raw.remove_prefix(end + 1);
  }
}

/// Whether the place between the two texts is user or password of a URL: a :// before it, an @ after it, and
/// nothing in between that ends them.
bool in_login(std::string_view before, std::string_view behind) {
  const std::string head = literal(before), tail = literal(behind);
  const auto slashes = head.rfind("://");
  if (slashes == std::string::npos || head.find_first_of("/@", slashes + 3) != std::string::npos)
    return false;
  const auto end = tail.find_first_of("@/,?[]");
  return end != std::string::npos && tail[end] == '@';
}

}  // namespace

bool is_literal(std::string_view raw) {
  return !raw.empty() && raw.find("${") == std::string_view::npos;
}

bool has_literal_password(std::string_view raw) {
  constexpr std::string_view in_query = "password=", slashes = "://";
  for (auto at = raw.find(in_query); at != std::string_view::npos; at = raw.find(in_query, at + 1)) {
    const auto begin = at + in_query.size();
    if (is_literal(raw.substr(begin, raw.find('&', begin) - begin))) return true;
  }
  for (auto at = raw.find(slashes); at != std::string_view::npos; at = raw.find(slashes, at + 1)) {
    const std::string_view behind = raw.substr(at + slashes.size());
    const std::string_view login = behind.substr(0, behind.find('@'));
    const auto colon = login.find(':');
    if (login.size() == behind.size() || login.find_first_of("/?,") < colon ||
        colon == std::string_view::npos)
      continue;
    if (is_literal(login.substr(colon + 1))) return true;
  }
  return false;
}

std::optional<std::string> Substitution::expand(std::string_view raw, const Place& place, TextKind kind) {
  std::string out;
  for (std::size_t at = 0;;) {
    const auto begin = raw.find("${", at);
    out += raw.substr(at, begin - at);
    if (begin == std::string_view::npos) return out;
    if (begin > at && raw[begin - 1] == '$') {
      out += '{';
      at = begin + 2;
      continue;
    }
    const auto end = raw.find('}', begin);
    if (end == std::string_view::npos) {
      findings_.mistake(place, "a ${ is not closed by }; for a literal ${ write $${");
      return std::nullopt;
    }
    const auto value = resolve(raw.substr(begin + 2, end - begin - 2), place);
    if (!value) return std::nullopt;
    const bool login = kind == TextKind::tier_url && in_login(raw.substr(0, begin), raw.substr(end + 1));
    const std::string text = login ? percent_encoded(*value) : *value;
    const std::string shown(raw.substr(begin, end + 1 - begin));
    if (!shown.ends_with(":-" + *value + "}")) {
      findings_.hide(*value, shown);
      findings_.hide(text, shown);
    }
    out += text;
    at = end + 1;
  }
}

std::optional<std::string> Substitution::resolve(std::string_view inside, const Place& place) {
  constexpr std::string_view scheme = "file:";
  if (inside.starts_with(scheme)) return file(std::string(inside.substr(scheme.size())), place);
  return variable(inside, place);
}

std::optional<std::string> Substitution::variable(std::string_view inside, const Place& place) {
  const auto at = inside.find(":-");
  const std::string_view name = inside.substr(0, at);
  if (!is_name(name)) {
    findings_.mistake(
        place, "the text in ${…} is none of NAME, NAME:-default and file:PATH; for a literal ${ write $${");
    return std::nullopt;
  }
  auto value = environment_(std::string(name));
  if (at != std::string_view::npos && (!value || value->empty())) return std::string(inside.substr(at + 2));
  if (!value) {
    findings_.mistake(place, "the environment variable " + std::string(name) +
                                 " is not set; set it, or write ${" + std::string(name) + ":-default}");
  }
  return value;
}

std::optional<std::string> Substitution::file(const std::string& path, const Place& place) {
  const auto refuse = [&](const std::string& why) {
    findings_.mistake(place, "the secret file " + printable_key(path) + " " + why);
    return std::nullopt;
  };
  if (path.empty() || path.find('\0') != std::string::npos)
    return refuse("is not a valid path; write ${file:/run/secrets/name}");
  const envelope::SecretFile opened(path);
  if (opened.fd() < 0) {
    return refuse("cannot be read: " + std::system_category().message(errno) +
                  "; name a file that this process may read");
  }
  struct stat status {};
  if (::fstat(opened.fd(), &status) != 0 || !S_ISREG(status.st_mode))
    return refuse("is not a regular file; name one");
  std::string text(max_secret + 1, '\0');
  const ssize_t size = ::read(opened.fd(), text.data(), text.size());
  if (size < 0) return refuse("cannot be read: " + std::system_category().message(errno));
  if (static_cast<std::size_t>(size) > max_secret)
    return refuse("is larger than 64 KiB; name the file that contains the secret");
  text.resize(static_cast<std::size_t>(size));
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) return refuse("is empty; write the secret into it");
  if ((status.st_mode & (S_IRGRP | S_IROTH | S_IWGRP | S_IWOTH)) != 0) {
    findings_.warn(
        place, "others may read or write the secret file " + printable_key(path) + "; run `chmod 600` on it");
  }
  return text;
}

}  // namespace terrace::config
