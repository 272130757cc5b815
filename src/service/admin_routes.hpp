#pragma once
/// AdminRoutes: which requests exist, who may send them, and their answers. It handles HTTP messages, not
/// sockets.

#include <array>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <memory>
#include <string>
#include <terrace/metrics.hpp>
#include <variant>
#include <vector>

#include "service/admin_api.hpp"

namespace terrace::service {

namespace http = boost::beast::http;

struct HttpAnswer {
  http::status status = http::status::ok;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

/// {"error": {"kind": …, "message": …}}
[[nodiscard]] HttpAnswer refusal(http::status status, std::string_view kind, std::string_view message);
[[nodiscard]] HttpAnswer json_answer(const AdminReply& reply);

/// A request that is permitted.
struct AdminRequest {
  enum class Kind : std::uint8_t { page, live, ready, metrics, stats, cache_stats, health, alerts, call };
  Kind kind = Kind::page;
  AdminCall call = {};  ///< for cache_stats its cache; for call everything except the arguments in the body
};

/// Compares secrets in a time that reveals nothing about them.
class TokenGuard {
 public:
  /// Empty: no token is right.
  explicit TokenGuard(std::string_view token);
  [[nodiscard]] bool has_token() const noexcept { return has_token_; }
  [[nodiscard]] bool is_right(std::string_view token) const noexcept;

 private:
  using Digest = std::array<unsigned char, 32>;
  [[nodiscard]] Digest digest(std::string_view token) const noexcept;
  Digest key_{};
  Digest right_{};
  bool has_token_;
};

/// Thread safe.
class AdminRoutes {
 public:
  AdminRoutes(const AdminApi& api, std::shared_ptr<const Monitor> monitor,
              std::shared_ptr<const Metrics> metrics, std::string_view token, std::vector<std::string> hosts)
      : api_(api),
        monitor_(std::move(monitor)),
        metrics_(std::move(metrics)),
        guard_(token),
        hosts_(std::move(hosts)) {}

  /// Decides by the header alone, so that the body of a rejected request is not read.
  [[nodiscard]] std::variant<AdminRequest, HttpAnswer> admit(const http::fields& fields, http::verb method,
                                                             std::string_view target, unsigned version) const;

  /// Calls `done` once, on any thread, possibly inside the call.
  void answer(AdminRequest request, std::string_view body, Handler<HttpAnswer> done) const;

 private:
  [[nodiscard]] bool is_known_host(std::string_view header, unsigned version) const;
  [[nodiscard]] std::variant<AdminRequest, HttpAnswer> authorize(const http::fields& fields,
                                                                 AdminRequest&& request) const;

  const AdminApi& api_;
  const std::shared_ptr<const Monitor> monitor_;
  const std::shared_ptr<const Metrics> metrics_;
  const TokenGuard guard_;
  const std::vector<std::string> hosts_;
};

}  // namespace terrace::service
