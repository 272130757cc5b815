#pragma once
/// AdminApi: the operations that administrators run on caches, from a parsed request to JSON. It is
/// independent of HTTP: the admin server and the command line give the same answers through it. docs/admin.md
/// describes them.

#include <boost/json/object.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <terrace/admin.hpp>
#include <vector>

namespace terrace::service {

/// The operations on one cache.
enum class AdminOperation : std::uint8_t { get, set, erase, invalidate, clear, explain, warm };
[[nodiscard]] std::string_view to_string(AdminOperation operation) noexcept;
/// None: no operation has that name.
[[nodiscard]] std::optional<AdminOperation> admin_operation(std::string_view name) noexcept;

/// Arguments by operation. KEY is a string, or {"$bytes": base64} if it is not UTF-8; DURATION a number of
/// seconds, or "10m".
///
/// | operation | arguments |
/// |---|---|
/// | get | key |
/// | set | key, value; schema, ttl: DURATION, tags: [KEY] |
/// | erase, explain | key |
/// | invalidate | one of keys: [KEY], group, prefix, glob, tag: KEY; soft: bool |
/// | clear | |
/// | warm | keys: [KEY] |
///
/// All except explain and warm take timeout: DURATION (10 s).
struct AdminCall {
  AdminOperation operation = AdminOperation::get;
  std::string cache;
  boost::json::object arguments = {};
  std::stop_token stop = {};  ///< for warm: stops beginning keys
};

/// Without an error `body` is the answer; with an error it is {"error": {"kind": …, "message": …}}, and
/// further known data. Errc::not_found: no cache has that name. Errc::invalid_argument and invalid_key: the
/// call is wrong. Other errors are those of the cache.
struct AdminReply {
  Error error;
  boost::json::object body;

  static AdminReply failed(const Error& error);
};

/// Thread safe. Caches may be closed or destroyed before it.
class AdminApi {
 public:
  /// The monitor may be null: then answers contain no windows, health and alerts.
  explicit AdminApi(std::shared_ptr<const Monitor> monitor = {}) : monitor_(std::move(monitor)) {}

  /// Throws ConfigError if another cache has that name.
  void add(CacheHandle cache);
  bool remove(std::string_view cache);
  /// How the cache's keys are warmed; without it, they are only copied from lower levels to those above.
  /// Throws ConfigError if no cache has that name.
  void add_warming(std::string_view cache, Warming warming);
  [[nodiscard]] std::vector<std::string> names() const;

  /// Every cache with its window; health, alerts. One poll of the status page.
  [[nodiscard]] AdminReply stats() const;
  [[nodiscard]] AdminReply stats(std::string_view cache) const;
  [[nodiscard]] AdminReply health() const;
  [[nodiscard]] AdminReply alerts() const;

  /// Calls `done` once, on any thread, possibly inside this call; does not block.
  void run(AdminCall call, Handler<AdminReply> done) const;

 private:
  struct Served {
    CacheHandle cache;
    Warming warming;
  };
  [[nodiscard]] std::optional<Served> find(std::string_view name) const;
  [[nodiscard]] Error unknown(std::string_view name) const;

  const std::shared_ptr<const Monitor> monitor_;
  mutable std::mutex mutex_;
  std::vector<Served> served_;
};

}  // namespace terrace::service
