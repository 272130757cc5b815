#include "service/host_names.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "service/http_framing.hpp"

namespace terrace::service {
namespace {

/// As in a Host header.
std::string as_field(std::string_view name) {
  const bool v6 = name.find(':') != std::string_view::npos;
  return v6 ? "[" + std::string(name) + "]" : std::string(name);
}

}  // namespace

HostNames::HostNames(std::vector<std::string> names, bool any_address) : any_address_(any_address) {
  for (const std::string& name : names) {
    const auto host = host_of(as_field(name));
    if (host && std::find(names_.begin(), names_.end(), *host) == names_.end()) names_.push_back(*host);
  }
}

bool HostNames::is_name(std::string_view name) {
  const auto host = host_of(as_field(name));
  return host.has_value();
}

bool HostNames::contain(std::string_view host_field) const {
  const auto host = host_of(host_field);
  if (!host) return false;
  boost::system::error_code failed;
  if (any_address_) static_cast<void>(boost::asio::ip::make_address(*host, failed));
  const bool is_address = any_address_ && !failed;
  return is_address || std::find(names_.begin(), names_.end(), *host) != names_.end();
}

std::string HostNames::listed() const {
  std::vector<std::string> all;
  for (const std::string& name : names_) all.push_back(as_field(name));
  if (any_address_) all.emplace_back("any IP address");
  std::string text;
  for (std::size_t i = 0; i < all.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == all.size() ? " and " : ", ") + all[i];
  }
  return text;
}

}  // namespace terrace::service
