#pragma once
/// AllowedHosts: the hosts that credentials and questions may go to when a server names another one (its
/// primary, a node of its cluster). Immutable.

#include <string>
#include <string_view>
#include <terrace/result.hpp>
#include <vector>

namespace terrace::redis {

class AllowedHosts {
 public:
  /// `configured`: the hosts of the URL or the seeds, whose port may be another. `named`: as
  /// RedisOptions::allowed_hosts. Throws ConfigError for what can be neither host, network nor pattern.
  AllowedHosts(const std::vector<std::string>& configured, const std::vector<std::string>& named);

  /// False also for what is no host at all.
  [[nodiscard]] bool contain(std::string_view host) const;

 private:
  std::vector<std::string> hosts_;     // in small letters
  std::vector<std::string> suffixes_;  // of names: ".example"
  std::vector<std::string> networks_;  // "10.0.0.0/8"
  bool any_ = false;
};

/// What the options and the URL allow together.
std::vector<std::string> joined(std::vector<std::string> some, const std::vector<std::string>& others);

/// What `server` (for messages) gets for leading to a host that is not allowed; what it said is cleaned.
Error host_not_allowed(const std::string& server, std::string_view host);

}  // namespace terrace::redis
