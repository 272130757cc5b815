#include "assembly/store_url.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <terrace/redis_cluster.hpp>
#include <terrace/result.hpp>
#include <utility>

#include "redis/redis_url.hpp"

namespace terrace::assembly {
namespace {

using namespace std::string_literals;
using Text = std::string_view;

constexpr auto escapes =
    "in user and password write %40 for @, %2F for /, %3F for ?, %23 for #, %2C for a comma";

constexpr Text allowed_hosts = "?allowed_hosts=";

bool is_port(Text text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0 && port <= 65535;
}

std::string lower(Text text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return out;
}

/// The part between :// and the path.
struct Authority {
  bool login = false;
  Text servers;  ///< the part after the login
  Text rest;     ///< the path and the rest
};

/// host, host:port or [IPv6]:port. Messages show nothing of it: it may be a password.
void check_server(Text server, bool login, const std::string& where) {
  const auto end = server.starts_with('[') ? std::min(server.find(']'), server.size() - 1) + 1
                                           : std::min(server.find(':'), server.size());
  const Text host = server.substr(0, end);
  const bool plain =
      host.starts_with('[') || std::all_of(host.begin(), host.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || Text("._-%").find(c) != Text::npos;
      });
  if (!plain) refuse(where, "the host is neither a name nor an address; "s + escapes);
  if (end == server.size()) return;
  const Text port = server.substr(end + 1);
  const bool digits = !port.empty() && port.find_first_not_of("0123456789") == Text::npos;
  if (server[end] == ':' && (is_port(port) || (login && digits))) return;
  refuse(
      where,
      "the text after the host is not a port of 1 to 65535; IPv6 goes in [ ], and user:password@ before the "
      "host; "s +
          escapes);
}

/// Without an @, a password whose host was forgotten, or that was cut off at its own /, stands where the port
/// should be. If the first @ belongs to the password, the rest of the password stands there. Neither may
/// appear in a message or a name, so parts that may be such are rejected here, before the other parts are
/// read.
Authority read_authority(Text behind_scheme, const std::string& where) {
  const auto end = std::min(behind_scheme.find_first_of("/?#"), behind_scheme.size());
  Authority out{false, behind_scheme.substr(0, end), behind_scheme.substr(end)};
  if (out.rest.find('@') != Text::npos) refuse(where, "there is an @ after a /, ? or #; "s + escapes);
  if (out.rest.find('#') != Text::npos) refuse(where, "there is a #; "s + escapes);
  if (const auto at = out.servers.find('@'); at != Text::npos) {
    out.login = true;
    out.servers.remove_prefix(at + 1);
    if (out.servers.find('@') != Text::npos) refuse(where, "there is more than one @; "s + escapes);
  }
  for (Text left = out.servers; !left.empty();) {
    const auto comma = std::min(left.find(','), left.size());
    check_server(left.substr(0, comma), out.login, where);
    left.remove_prefix(std::min(comma + 1, left.size()));
  }
  return out;
}

void check_one_server(const Scheme& scheme, Text behind_scheme, const std::string& where) {
  const Authority authority = read_authority(behind_scheme, where);
  if (authority.servers.find(',') != Text::npos) {
    refuse(where, std::string(scheme.text) +
                      " is one server, but there is a comma: in a list every URL begins with its scheme "
                      "(sharded:redis://a,redis://b; the known ones are " +
                      known_schemes() + "), the nodes of a cluster are redis-cluster://a,b");
  }
  const auto query = std::min(authority.rest.find('?'), authority.rest.size());
  if (query < authority.rest.size() && !authority.rest.substr(query).starts_with(allowed_hosts)) {
    refuse(where,
           std::string(scheme.text) +
               " takes no query except ?allowed_hosts=HOST,HOST…: the database goes into the path, as in "
               "redis://host/3; the query of sharded: or replicated: comes after the last URL");
  }
  if (authority.rest.substr(0, query).find_first_not_of("0123456789", 1) != Text::npos) {
    refuse(where, "the database after the / is not a number, as in redis://host/3; "s + escapes);
  }
}

TierUrl read_redis(const Scheme& scheme, Text url, const std::string& where) {
  const bool is_socket = scheme.text.ends_with("unix://");
  const Text behind = url.substr(scheme.text.size());
  if (!is_socket) check_one_server(scheme, behind, where);
  // After a login, a second @ may belong to the password.
  if (is_socket && !behind.starts_with('/') && std::count(behind.begin(), behind.end(), '@') > 1) {
    refuse(where, "there is more than one @; in the path as well write %40, "s + escapes);
  }
  redis::RedisUrl parts;
  try {
    parts = redis::parse_redis_url(url);
  } catch (const ConfigError& wrong) {
    refuse(where, wrong.what());
  }
  TierUrl out{Kind::redis, std::string(url), {}, {}, {}};
  out.address = is_socket ? "unix://" + parts.path : std::string(scheme.text) + lower(parts.label());
  if (parts.database != 0) out.address += (is_socket ? "?db=" : "/") + std::to_string(parts.database);
  return out;
}

TierUrl read_cluster(const Scheme& scheme, Text url, const std::string& where) {
  const Authority authority = read_authority(url.substr(scheme.text.size()), where);
  const Text path = authority.rest.substr(0, std::min(authority.rest.find('?'), authority.rest.size()));
  const Text query = authority.rest.substr(path.size());
  if ((!path.empty() && path != "/") || (!query.empty() && !query.starts_with(allowed_hosts))) {
    refuse(where, std::string(scheme.text) +
                      " takes neither a path nor a query, except ?allowed_hosts=HOST,HOST…: a cluster has "
                      "database 0 only");
  }
  TierUrl out{
      Kind::cluster, std::string(scheme.text) + std::string(url.substr(scheme.text.size())), {}, {}, {}};
  try {
    static_cast<void>(parse_cluster_url(out.target));
  } catch (const ConfigError& wrong) {
    refuse(where, wrong.what());
  }
  out.address = std::string(scheme.text) + lower(authority.servers);
  return out;
}

TierUrl read_postgres(Text url, const std::string& where) {
  const Text behind = url.substr(url.find("://") + 3);
  const Authority authority = read_authority(behind, where);
  const Text path = authority.rest.substr(0, std::min(authority.rest.find('?'), authority.rest.size()));
  TierUrl out{Kind::postgres, "postgresql://" + std::string(behind), {}, {}, {}};
  out.address = "postgres://" + lower(authority.servers) + std::string(path == "/" ? "" : path);
  return out;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char small = static_cast<char>(c | 0x20);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/// The path with its percent codes decoded.
std::string decode(Text text, const std::string& where) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      refuse(where, "the path contains a % that does not begin a code such as %3F; write % as %25");
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

void read_sqlite_query(Text query, const std::string& where, TierUrl& out) {
  bool scope_given = false, mode_given = false;
  while (true) {
    const auto end = std::min(query.find('&'), query.size());
    const Text part = query.substr(0, end);
    if (part == "mode=ro" && !std::exchange(mode_given, true)) {
      out.read_only = true;
    } else if ((part == "scope=machine" || part == "scope=fleet") && !std::exchange(scope_given, true)) {
      out.scope = part == "scope=fleet" ? Scope::fleet : Scope::machine;
    } else {
      refuse(
          where,
          "the query of sqlite: is scope=machine or scope=fleet (every process of the cache opens this one "
          "file), and mode=ro (only reads), each once; write a ? of the path as %3F");
    }
    if (end == query.size()) return;
    query.remove_prefix(end + 1);
  }
}

TierUrl read_sqlite(Text path, const std::string& where) {
  if (path.starts_with("//")) {
    path.remove_prefix(2);
    if (!path.starts_with('/'))
      refuse(where, "there is no host in sqlite:PATH; write sqlite:cache.db or sqlite:/var/cache.db");
  }
  const auto query = std::min(path.find('?'), path.size());
  TierUrl out{Kind::sqlite, decode(path.substr(0, query), where), {}, {}, {}};
  if (query < path.size()) read_sqlite_query(path.substr(query + 1), where, out);
  if (out.target.empty()) refuse(where, "the path is missing; write sqlite:cache.db or sqlite:/var/cache.db");
  if (out.target.find('\0') != std::string::npos) refuse(where, "the path contains a NUL byte");
  out.address = "sqlite:" + out.target;
  return out;
}

}  // namespace

TierUrl read_store(const Scheme& scheme, std::string_view url, const std::string& where) {
  switch (scheme.kind) {
    case Kind::redis:
      return read_redis(scheme, url, where);
    case Kind::cluster:
      return read_cluster(scheme, url, where);
    case Kind::sqlite:
      return read_sqlite(url.substr(scheme.text.size()), where);
    default:
      return read_postgres(url, where);
  }
}

bool takes_query(std::string_view url) noexcept {
  const Scheme* const scheme = scheme_of(url);
  if (scheme == nullptr) return false;
  const bool redis = scheme->kind == Kind::redis || scheme->kind == Kind::cluster;
  return scheme->kind == Kind::postgres || scheme->kind == Kind::sqlite ||
         scheme->text.find("unix:") != Text::npos || (redis && url.find(allowed_hosts) != Text::npos);
}

}  // namespace terrace::assembly
