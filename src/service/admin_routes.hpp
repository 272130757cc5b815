#pragma once
/// AdminRoutes: which requests exist, who may send them, and their answers. It handles HTTP messages, not
/// sockets.

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <memory>
#include <string>
#include <terrace/metrics.hpp>
#include <variant>

#include "service/admin_access.hpp"
#include "service/host_names.hpp"

namespace terrace::service {

[[nodiscard]] HttpAnswer json_answer(const AdminReply& reply);

/// A request that is permitted.
struct AdminRequest {
  enum class Kind : std::uint8_t { page, live, ready, metrics, stats, cache_stats, health, alerts, call };
  Kind kind = Kind::page;
  AdminCall call = {};  ///< for cache_stats its cache; for call everything except the arguments in the body
};

/// Thread safe.
class AdminRoutes {
 public:
  AdminRoutes(const AdminApi& api, std::shared_ptr<const Monitor> monitor,
              std::shared_ptr<const Metrics> metrics, std::string_view token, HostNames hosts)
      : api_(api),
        monitor_(std::move(monitor)),
        metrics_(std::move(metrics)),
        access_(token),
        hosts_(std::move(hosts)) {}

  /// Decides by the header alone, so that the body of a rejected request is not read. The header has no
  /// framing_mistake().
  [[nodiscard]] std::variant<AdminRequest, HttpAnswer> admit(AdminCaller& caller, const http::fields& fields,
                                                             http::verb method, std::string_view target,
                                                             unsigned version);

  /// Calls `done` once, on any thread, possibly inside the call.
  void answer(AdminRequest request, std::string_view body, Handler<HttpAnswer> done) const;

 private:
  const AdminApi& api_;
  const std::shared_ptr<const Monitor> monitor_;
  const std::shared_ptr<const Metrics> metrics_;
  AdminAccess access_;
  const HostNames hosts_;
};

}  // namespace terrace::service
