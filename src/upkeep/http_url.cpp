#include "upkeep/http_url.hpp"

#include <arpa/inet.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <terrace/result.hpp>

namespace terrace::upkeep {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw ConfigError("webhook URL: " + why);
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

bool hex(char c) {
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'f');
}

/// User and password with their percent codes decoded.
std::string decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size() || !hex(text[i + 1]) || !hex(text[i + 2])) {
      refuse("user or password contain a % that does not begin a code such as %40; write % as %25");
    }
    unsigned byte = 0;
    std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

/// RFC 7617.
std::string basic(std::string_view userinfo) {
  const std::string plain = decode(userinfo);
  if (plain.find(':') == std::string::npos) refuse("there is a user but no password; write user:password@");
  std::string encoded(4 * ((plain.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                      reinterpret_cast<const unsigned char*>(plain.data()), static_cast<int>(plain.size()));
  encoded.resize(static_cast<std::size_t>(size));
  return "Basic " + encoded;
}

void check_characters(std::string_view url) {
  if (url.empty()) refuse("it is empty; write for instance https://hooks.example.org/path");
  if (url.size() > 4096) refuse("it has more than 4096 bytes");
  for (std::size_t i = 0; i < url.size(); ++i) {
    if (url[i] <= ' ' || url[i] >= 0x7f) {
      refuse("byte " + std::to_string(i) +
             " is a space or a control or non-ASCII character; percent-encode it");
    }
  }
}

void take_host(std::string_view text, HttpUrl& out) {
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto end = std::min(text.find(']'), text.size());
    out.host = text.substr(1, end - 1);
    in6_addr ignored;
    if (end == text.size() || ::inet_pton(AF_INET6, out.host.c_str(), &ignored) != 1) {
      refuse("its host in [ ] is not an IPv6 address");
    }
    rest = text.substr(end + 1);
  } else {
    const auto colon = std::min(text.find(':'), text.size());
    out.host = text.substr(0, colon);
    rest = text.substr(colon);
    const bool plain = std::all_of(out.host.begin(), out.host.end(), [](char c) {
      return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || c == '.' || c == '-' ||
             c == '_';
    });
    if (out.host.empty()) refuse("the host is missing; write for instance https://hooks.example.org/path");
    if (!plain) refuse("its host is neither a name nor an address (IPv6 goes in [ ])");
  }
  out.port = out.tls ? "443" : "80";
  if (rest.empty()) return;
  unsigned port = 0;
  const auto [end, error] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), port);
  const bool number = error == std::errc() && end == rest.data() + rest.size();
  if (rest[0] != ':' || !number || port == 0 || port > 65535)
    refuse("its port is not a number from 1 to 65535");
  out.port = std::to_string(port);
}

}  // namespace

std::string HttpUrl::label() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (tls ? "https://" : "http://") + (v6 ? "[" + host + "]" : host) + ":" + port;
}

std::string HttpUrl::authority() const {
  const std::string with_port = label().substr(tls ? 8 : 7);
  const bool usual = port == (tls ? "443" : "80");
  return usual ? with_port.substr(0, with_port.rfind(':')) : with_port;
}

HttpUrl parse_http_url(std::string_view url) {
  check_characters(url);
  HttpUrl out;
  std::string scheme;
  const auto colon = std::min(url.find("://"), url.size());
  for (const char c : url.substr(0, colon)) scheme += lower(c);
  if (colon == url.size() || (scheme != "http" && scheme != "https")) {
    refuse("it does not begin with http:// or https://");
  }
  out.tls = scheme == "https";
  url.remove_prefix(colon + 3);
  if (url.find('#') != std::string_view::npos) refuse("there is a #; percent-encode it as %23");
  const auto slash = std::min(url.find_first_of("/?"), url.size());
  std::string_view authority = url.substr(0, slash);
  out.target = url.substr(slash);
  if (!out.target.starts_with('/')) out.target.insert(0, "/");
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    out.authorization = basic(authority.substr(0, at));
    authority.remove_prefix(at + 1);
  } else if (authority.find(':') != std::string_view::npos && out.target.find('@') != std::string::npos) {
    // It may be a password with a / in it, whose first part would pass for a port and be shown.
    refuse(
        "there is an @ after a colon and the first /; percent-encode the / of a password as %2F, the @ of "
        "a path as %40");
  }
  take_host(authority, out);
  return out;
}

}  // namespace terrace::upkeep
