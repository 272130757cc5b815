#pragma once
/// Target: the caches that a command asks: those of a running admin endpoint, or of a configuration, opened
/// in this process. Both give the JSON of docs/admin.md.

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <terrace/config.hpp>

#include "service/admin_api.hpp"
#include "terrace/warmer.hpp"

namespace terrace::cli {

/// What was asked cannot be reached, or is no admin endpoint: nobody can tell what it would have said.
class TargetError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// With a failure `body` holds it as well: {"error": {"kind": …, "message": …}, …}.
struct Answer {
  struct Failure {
    std::string kind;
    std::string message;
    bool is_usage = false;  ///< the call is wrong, rather than the cache in trouble
  };
  boost::json::object body;
  std::optional<Failure> failure = {};
};

using WarmingProgress = std::function<void(const WarmProgress&)>;

struct WarmCall {
  std::string cache;
  std::vector<std::string> keys;
  std::size_t concurrency = 64;
  std::stop_token stop = {};      ///< begins no more keys
  WarmingProgress progress = {};  ///< from any thread
};

class Target {
 public:
  virtual ~Target() = default;

  /// For messages: an address or a file.
  [[nodiscard]] virtual std::string label() const = 0;

  /// Of one cache, or with none of all. The functions throw TargetError.
  [[nodiscard]] virtual Answer stats(const std::optional<std::string>& cache) = 0;
  /// Any but warm.
  [[nodiscard]] virtual Answer run(service::AdminOperation operation, const std::string& cache,
                                   boost::json::object arguments) = 0;
  [[nodiscard]] virtual Answer warm(const WarmCall& call) = 0;
};

/// Opens the caches of a configuration, without its alerts, and closes them at the end. Throws ConfigError.
[[nodiscard]] std::unique_ptr<Target> make_direct_target(const std::string& config, Duration timeout);

struct ServerAddress {
  std::string url;      ///< http[s]://HOST:PORT
  std::string token;    ///< secret; empty: none is sent
  std::string ca_file;  ///< PEM; empty: the system's authorities
  Duration timeout;     ///< of an answer
};

/// {"live": true, "version": …}, without the token. Throws as make_http_target and TargetError.
[[nodiscard]] Answer ask_whether_live(const ServerAddress& address);

/// Throws UsageError: the address or the token cannot be right.
[[nodiscard]] std::unique_ptr<Target> make_http_target(const ServerAddress& address);

}  // namespace terrace::cli
