#pragma once
/// AllowedHosts: the hosts that credentials and queries may be sent to if a server names another host (its
/// primary, a node of its cluster). Immutable.

#include <string>
#include <string_view>
#include <terrace/result.hpp>
#include <vector>

namespace terrace::redis {

class AllowedHosts {
 public:
  /// `configured`: the hosts of the URL or the seeds; their ports may differ. `named`: as in
  /// RedisOptions::allowed_hosts. Throws ConfigError for an item that cannot be a host, network or pattern.
  AllowedHosts(const std::vector<std::string>& configured, const std::vector<std::string>& named);

  /// Also false for a text that is no host at all.
  [[nodiscard]] bool contain(std::string_view host) const;

 private:
  std::vector<std::string> hosts_;     // in lower case
  std::vector<std::string> suffixes_;  // of names: ".example"
  std::vector<std::string> networks_;  // "10.0.0.0/8"
  bool any_ = false;
};

/// The hosts allowed by the options and the URL together.
std::vector<std::string> joined(std::vector<std::string> some, const std::vector<std::string>& others);

/// The error if `server` (for messages) leads to a host that is not allowed; unprintable text is removed.
Error host_not_allowed(const std::string& server, std::string_view host);

}  // namespace terrace::redis
