#pragma once
/// HostNames: the names that a Host header may contain.
///
/// A page of any site can make a browser send requests to this machine, if the site lets its own name point
/// to the machine's address (DNS rebinding); then the browser treats the answer as one of that site. The name
/// in the Host header reveals this. An address in place of a name cannot be changed in that way.

#include <string>
#include <string_view>
#include <vector>

namespace terrace::service {

class HostNames {
 public:
  /// `any_address`: every IP address is right, too. Names are without port and brackets; case does not count.
  explicit HostNames(std::vector<std::string> names, bool any_address);

  [[nodiscard]] bool contain(std::string_view host_field) const;
  /// For messages: "localhost, 127.0.0.1 and any IP address".
  [[nodiscard]] std::string listed() const;

  /// Whether it can be such a name: a host name or an IP address.
  [[nodiscard]] static bool is_name(std::string_view name);

 private:
  std::vector<std::string> names_;
  bool any_address_;
};

}  // namespace terrace::service
