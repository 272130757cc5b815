#include "redis/allowed_hosts.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <terrace/bytes.hpp>

namespace terrace::redis {
namespace {

namespace ip = boost::asio::ip;
using ErrorCode = boost::system::error_code;

constexpr std::size_t longest_name = 255;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return out;
}

/// For a name or an address, IPv6 without brackets.
bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= longest_name && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '.' || c == '-' ||
           c == '_' || c == ':';
  });
}

/// Colons belong to an IPv6 address, or separate a port.
bool has_port(std::string_view text) {
  ErrorCode no_address;
  ip::make_address(std::string(text), no_address);
  return text.find(':') != std::string_view::npos && no_address;
}

bool is_network(const std::string& text) {
  ErrorCode no_v4;
  ErrorCode no_v6;
  ip::make_network_v4(text, no_v4);
  ip::make_network_v6(text, no_v6);
  return !no_v4 || !no_v6;
}

/// Addresses are compared by value: "::1" is "0:0::1".
std::string plain(std::string_view host) {
  std::string small = lower(host);
  ErrorCode none;
  const auto address = ip::make_address(small, none);
  return none ? small : address.to_string();
}

template <class Network, class Address>
bool is_in(const Network& network, const Address& address) {
  return Network(address, network.prefix_length()).canonical() == network.canonical();
}

bool network_has(const std::string& text, const ip::address& address) {
  ErrorCode wrong;
  if (address.is_v4()) {
    const auto network = ip::make_network_v4(text, wrong);
    return !wrong && is_in(network, address.to_v4());
  }
  const auto network = ip::make_network_v6(text, wrong);
  return !wrong && is_in(network, address.to_v6());
}

}  // namespace

AllowedHosts::AllowedHosts(const std::vector<std::string>& configured,
                           const std::vector<std::string>& named) {
  for (const auto& host : configured) {
    if (host.empty()) continue;  // a unix socket
    hosts_.push_back(plain(host));
    if (hosts_.back() == "localhost") hosts_.insert(hosts_.end(), {"127.0.0.1", "::1"});
  }
  for (const auto& text : named) {
    const std::string_view host = std::string_view(text).substr(text.starts_with("*.") ? 2 : 0);
    if (text == "*") {
      any_ = true;
    } else if (is_host(host) && has_port(host)) {
      throw ConfigError(
          "allowed_hosts: entry " + std::to_string(&text - named.data() + 1) +
          " has a port or is a broken IPv6 address: a host is allowed with all its ports, so write it "
          "without, as in cache.example");
    } else if (text.starts_with("*.") && is_host(host)) {
      suffixes_.push_back(lower(std::string_view(text).substr(1)));
    } else if (is_network(text)) {
      networks_.push_back(text);
    } else if (is_host(text)) {
      hosts_.push_back(plain(text));
    } else {  // it may be a part of a password, so it is not shown
      throw ConfigError(
          "allowed_hosts: entry " + std::to_string(&text - named.data() + 1) +
          " is none of a host (name or address, IPv6 without brackets), a network such as 10.0.0.0/8, "
          "*.example for the names below one, or * for every host");
    }
  }
}

bool AllowedHosts::contain(std::string_view host) const {
  if (!is_host(host)) return false;
  if (any_) return true;
  const std::string wanted = plain(host);
  if (std::find(hosts_.begin(), hosts_.end(), wanted) != hosts_.end()) return true;
  ErrorCode none;
  const auto address = ip::make_address(wanted, none);
  if (!none) {
    return std::any_of(networks_.begin(), networks_.end(),
                       [&](const auto& network) { return network_has(network, address); });
  }
  return std::any_of(suffixes_.begin(), suffixes_.end(), [&](const auto& suffix) {
    return wanted.size() > suffix.size() && wanted.ends_with(suffix);
  });
}

std::vector<std::string> joined(std::vector<std::string> some, const std::vector<std::string>& others) {
  some.insert(some.end(), others.begin(), others.end());
  return some;
}

Error host_not_allowed(const std::string& server, std::string_view host) {
  return {Errc::denied, "Redis " + server + " leads to the host " + printable_key(host) +
                            ", which is neither configured nor allowed, so it is not contacted and gets no "
                            "password; if the host is right, add it to allowed_hosts (in the URL: "
                            "?allowed_hosts=HOST,HOST…)"};
}

}  // namespace terrace::redis
