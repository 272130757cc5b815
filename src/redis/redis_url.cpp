#include "redis/redis_url.hpp"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <terrace/result.hpp>

#include "redis/allowed_hosts.hpp"
#include "redis/decimal.hpp"

namespace terrace::redis {
namespace {

/// The parts of scheme://[userinfo@]host[:port][/path][?query], still encoded.
struct Parts {
  std::string scheme;
  std::optional<std::string_view> userinfo;
  std::string_view host_and_port;
  std::string_view path;
  std::optional<std::string_view> query;
};

[[noreturn]] void refuse(const std::string& why) {
  throw ConfigError("Redis URL: " + why);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::string decode(std::string_view text, const char* part) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      refuse(std::string("the ") + part +
             " contains a % that does not begin a code such as %40; write % as %25");
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

// Rejected text is not shown: where user and password are not encoded, any part may belong to the password.

unsigned parse_database(const std::string& text) {
  const auto index = decimal_up_to(text, INT32_MAX);
  if (!index) refuse("the database is not a number; write one such as 0 or 15");
  return *index;
}

Transport parse_scheme(const std::string& scheme) {
  if (scheme == "redis") return Transport::tcp;
  if (scheme == "rediss") return Transport::tls;
  if (scheme == "unix" || scheme == "redis+unix") return Transport::unix_socket;
  refuse("the scheme is unknown; use redis, rediss (TLS), unix or redis+unix");
}

Parts split(std::string_view url) {
  if (url.empty()) refuse("it is empty; write for instance redis://127.0.0.1:6379");
  for (std::size_t i = 0; i < url.size(); ++i) {
    if (url[i] <= ' ' || url[i] == 0x7f) {
      refuse("byte " + std::to_string(i) +
             " is a space or a control or non-ASCII character; percent-encode it");
    }
  }
  const auto colon = url.find("://");
  if (colon == std::string_view::npos) {
    refuse("there is no scheme; write for instance redis://127.0.0.1:6379 or unix:///path/to/socket");
  }
  Parts parts;
  for (const char c : url.substr(0, colon))
    parts.scheme += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  url.remove_prefix(colon + 3);
  if (url.find('#') != std::string_view::npos) refuse("there is a #; percent-encode it as %23");
  if (const auto at = url.find('?'); at != std::string_view::npos) {
    parts.query = url.substr(at + 1);
    url = url.substr(0, at);
  }
  const auto slash = std::min(url.find('/'), url.size());
  parts.path = url.substr(slash);
  url = url.substr(0, slash);
  if (const auto at = url.rfind('@'); at != std::string_view::npos) {
    parts.userinfo = url.substr(0, at);
    url.remove_prefix(at + 1);
  }
  parts.host_and_port = url;
  return parts;
}

void take_credentials(std::string_view userinfo, RedisUrl& out) {
  if (userinfo.find('@') != std::string_view::npos) {
    refuse("there is more than one @ before the host; percent-encode those of user and password as %40");
  }
  const auto colon = userinfo.find(':');
  out.user = decode(userinfo.substr(0, colon), "user");
  if (colon == std::string_view::npos) {
    refuse("there is a user but no password; write user:password@ (or :password@ for the default user)");
  }
  out.password = decode(userinfo.substr(colon + 1), "password");
}

std::string parse_host(std::string_view text) {
  std::string host = decode(text, "host");
  if (host.empty()) refuse("the host is missing; write for instance redis://127.0.0.1:6379");
  const bool plain = std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '.' || c == '-' ||
           c == '_';
  });
  if (!plain) refuse("the host is neither a name nor an address (IPv6 goes in [ ])");
  return host;
}

void take_server(std::string_view text, RedisUrl& out) {
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) refuse("the [ of an IPv6 address is not closed by ]");
    out.host = text.substr(1, end - 1);
    in6_addr ignored;
    if (::inet_pton(AF_INET6, out.host.c_str(), &ignored) != 1) {
      const bool zone = out.host.find('%') != std::string_view::npos;
      refuse(zone ? "the IPv6 address in [ ] has a zone; give an address without one, or a name for it"
                  : "the host in [ ] is no IPv6 address");
    }
    rest = text.substr(end + 1);
  } else {
    const auto colon = std::min(text.rfind(':'), text.size());
    out.host = parse_host(text.substr(0, colon));
    rest = text.substr(colon);
  }
  if (rest.empty()) return;
  const auto port = decimal_up_to(rest.substr(1), 65535);
  if (rest[0] != ':' || !port || *port == 0) {
    refuse("the port is not a number of 1 to 65535");
  }
  out.port = std::to_string(*port);
}

void take_path(std::string_view text, RedisUrl& out) {
  out.port.clear();
  out.path = decode(text, "path");
  constexpr std::size_t longest = sizeof(sockaddr_un::sun_path) - 1;
  if (out.path.size() < 2) refuse("the path of the unix socket is missing; write unix:///path/to/socket");
  if (out.path.find('\0') != std::string::npos) refuse("the path of the unix socket holds a NUL byte");
  if (out.path.size() > longest) {
    refuse("the path of the unix socket has " + std::to_string(out.path.size()) +
           " bytes; the system allows " + std::to_string(longest));
  }
}

void take_query(std::optional<std::string_view> query, bool takes_database, RedisUrl& out) {
  constexpr std::string_view hosts = "allowed_hosts=";
  constexpr std::string_view database = "db=";
  while (query) {
    const auto end = query->find('&');
    const std::string_view one = query->substr(0, end);
    if (one.starts_with(hosts)) {
      out.allowed_hosts = parse_allowed_hosts(one.substr(hosts.size()));
    } else if (takes_database && one.starts_with(database)) {
      out.database = parse_database(decode(one.substr(database.size()), "database"));
    } else if (takes_database) {
      refuse("only ?db=N and ?allowed_hosts=HOST,HOST… are understood after the path of a unix socket");
    } else {
      refuse(
          "there is a ?, and not ?allowed_hosts=HOST,HOST…; the database goes into the path "
          "(redis://host/3), "
          "others become %3F");
    }
    query = end == std::string_view::npos ? std::nullopt : std::optional(query->substr(end + 1));
  }
}

}  // namespace

std::vector<std::string> parse_allowed_hosts(std::string_view text) {
  std::vector<std::string> hosts;
  while (true) {
    const auto comma = std::min(text.find(','), text.size());
    hosts.push_back(decode(text.substr(0, comma), "list allowed_hosts"));
    if (comma == text.size()) break;
    text.remove_prefix(comma + 1);
  }
  static_cast<void>(AllowedHosts({}, hosts));
  return hosts;
}

std::string RedisUrl::label() const {
  if (transport == Transport::unix_socket) return path;
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + port;
}

RedisUrl parse_redis_url(std::string_view url) {
  const Parts parts = split(url);
  RedisUrl out;
  out.transport = parse_scheme(parts.scheme);
  if (parts.userinfo) take_credentials(*parts.userinfo, out);
  if (out.transport == Transport::unix_socket) {
    if (!parts.host_and_port.empty()) {
      refuse("a unix socket has no host; write three slashes: unix:///path/to/socket");
    }
    take_path(parts.path, out);
    take_query(parts.query, /*takes_database=*/true, out);
    return out;
  }
  // No text is shown that may be a part of a password.
  if (parts.path.find('@') != std::string_view::npos) {
    refuse("there is an @ after the first /; percent-encode the / of a user or password as %2F");
  }
  take_server(parts.host_and_port, out);
  take_query(parts.query, /*takes_database=*/false, out);
  if (parts.path.size() > 1) out.database = parse_database(decode(parts.path.substr(1), "database"));
  return out;
}

}  // namespace terrace::redis
