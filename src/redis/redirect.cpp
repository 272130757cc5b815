#include "redis/redirect.hpp"

#include <charconv>

#include "redis/decimal.hpp"
#include "redis/server_error.hpp"

namespace terrace::redis {
namespace {

/// "3999 127.0.0.1:6381", for a slot and a node; the host may be empty, an IPv6 address has no brackets.
std::optional<Redirect> parse_target(Redirect::Kind kind, std::string_view text) {
  const auto space = text.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const auto slot = decimal_up_to(text.substr(0, space), slot_count - 1);
  text.remove_prefix(space + 1);
  text = text.substr(0, text.find(' '));
  const auto colon = text.rfind(':');
  if (!slot || colon == std::string_view::npos) return std::nullopt;
  const auto port = decimal_up_to(text.substr(colon + 1), 65535);
  if (!port || *port == 0) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host == "?") host = {};
  return Redirect{kind, static_cast<Slot>(*slot), {std::string(host), static_cast<std::uint16_t>(*port)}};
}

}  // namespace

std::string Address::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<Redirect> Redirect::parse(std::string_view error) {
  error = unwrap(error);
  const auto word = error.substr(0, error.find(' '));
  const auto rest = error.substr(std::min(error.size(), word.size() + 1));
  if (word == "MOVED") return parse_target(Kind::moved, rest);
  if (word == "ASK") return parse_target(Kind::ask, rest);
  if (word == "TRYAGAIN") return Redirect{Kind::try_again};
  if (word == "LOADING") return Redirect{Kind::wait};
  if (word == "CLUSTERDOWN" || word == "MASTERDOWN") return Redirect{Kind::down};
  if (word == "READONLY") return Redirect{Kind::readonly};
  return std::nullopt;
}

}  // namespace terrace::redis
