#include "service/admin_routes.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <optional>

#include "service/http_target.hpp"
#include "service/listen_address.hpp"
#include "service/status_page.hpp"
#include "service/text_json.hpp"

namespace terrace::service {

namespace json = boost::json;
namespace {

using Route = AdminRequest::Kind;
using Admitted = std::variant<AdminRequest, HttpAnswer>;

/// The endpoint at a path, by method.
struct Place {
  struct Way {
    http::verb method;
    Route kind;
    AdminOperation operation = AdminOperation::get;
  };
  std::vector<Way> ways;
  std::string cache = {};
};

std::optional<Place> place_of_cache(const std::vector<std::string>& path) {
  const std::string& cache = path[3];
  if (path.size() == 4) return Place{{{http::verb::get, Route::cache_stats}}, cache};
  if (path.size() != 5) return std::nullopt;
  if (path[4] == "entry") {
    return Place{{{http::verb::get, Route::call, AdminOperation::get},
                  {http::verb::put, Route::call, AdminOperation::set},
                  {http::verb::delete_, Route::call, AdminOperation::erase}},
                 cache};
  }
  using enum AdminOperation;
  if (path[4] == "explain") return Place{{{http::verb::get, Route::call, explain}}, cache};
  for (const auto operation : {invalidate, clear, warm}) {
    if (path[4] == to_string(operation)) return Place{{{http::verb::post, Route::call, operation}}, cache};
  }
  return std::nullopt;
}

std::optional<Place> place_of(const std::vector<std::string>& path) {
  constexpr auto get = http::verb::get;
  if (path.empty()) return Place{{{get, Route::page}}};
  if (path.size() == 1) {
    if (path[0] == "healthz") return Place{{{get, Route::live}}};
    if (path[0] == "readyz") return Place{{{get, Route::ready}}};
    if (path[0] == "metrics") return Place{{{get, Route::metrics}}};
  }
  if (path.size() < 3 || path[0] != "api" || path[1] != "v1") return std::nullopt;
  if (path.size() == 3) {
    if (path[2] == "stats") return Place{{{get, Route::stats}}};
    if (path[2] == "health") return Place{{{get, Route::health}}};
    if (path[2] == "alerts") return Place{{{get, Route::alerts}}};
  }
  return path[2] == "caches" && path.size() > 3 ? place_of_cache(path) : std::nullopt;
}

HttpAnswer wrong_method(const Place& place) {
  std::string allowed;
  for (const auto& way : place.ways) {
    allowed += (allowed.empty() ? "" : ", ") + std::string(http::to_string(way.method));
    if (way.method == http::verb::get) allowed += ", HEAD";
  }
  HttpAnswer answer =
      refusal(http::status::method_not_allowed, "method not allowed", "this path allows " + allowed);
  answer.headers.emplace_back("Allow", allowed);
  return answer;
}

http::status status_of(const Error& error) {
  if (!error.code) return http::status::ok;
  if (error.code.category() != error_category()) return http::status::bad_gateway;
  switch (static_cast<Errc>(error.code.value())) {
    case Errc::not_found:
      return http::status::not_found;
    case Errc::invalid_argument:
    case Errc::invalid_key:
    case Errc::value_too_large:
    case Errc::unencodable:
    case Errc::incompatible:
    case Errc::corrupt:
      return http::status::bad_request;
    case Errc::timed_out:
      return http::status::gateway_timeout;
    case Errc::unavailable:
    case Errc::shutdown:
    case Errc::overloaded:
      return http::status::service_unavailable;
    case Errc::would_deadlock:
      return http::status::internal_server_error;
    case Errc::loader_failed:
    case Errc::denied:
    case Errc::partial_write:
    case Errc::io_error:
    case Errc::effect_unknown:
      return http::status::bad_gateway;
  }
  return http::status::internal_server_error;
}

/// Adds the members of a JSON object; returns the failure if it is not an object.
std::optional<Error> add_arguments(json::object& arguments, std::string_view body) {
  if (std::all_of(body.begin(), body.end(), [](unsigned char c) { return std::isspace(c) != 0; })) return {};
  boost::system::error_code failed;
  json::parse_options options;
  options.max_depth = 300;
  const json::value given = json::parse(body, failed, {}, options);
  if (failed) return Error(Errc::invalid_argument, "the body is not valid JSON: " + failed.message());
  if (!given.is_object()) return Error(Errc::invalid_argument, R"(the body must be a JSON object, {…})");
  for (const auto& [name, value] : given.get_object()) {
    if (arguments.emplace(name, value).second) continue;
    return Error(Errc::invalid_argument,
                 printable_key(name) + " is given twice, in the address and in the body");
  }
  return std::nullopt;
}

}  // namespace

HttpAnswer refusal(http::status status, std::string_view kind, std::string_view message) {
  const json::value body{{"error", {{"kind", kind}, {"message", text_or_bytes(message)}}}};
  return {.status = status, .body = json::serialize(body)};
}

HttpAnswer json_answer(const AdminReply& reply) {
  return {.status = status_of(reply.error), .body = json::serialize(reply.body)};
}

Admitted AdminRoutes::admit(AdminCaller& caller, const http::fields& fields, http::verb method,
                            std::string_view target, unsigned version) {
  const std::string_view host = fields[http::field::host];
  // Browsers always send it; a client that speaks HTTP/1.0 and does not send it is no browser.
  const bool no_browser = host.empty() && version < 11;
  if (!no_browser && !hosts_.contain(host)) {
    return refusal(
        http::status::misdirected_request, "misdirected request",
        "this endpoint accepts the Host names " + hosts_.listed() +
            ", but not the Host of this request; use one of these, or add the name to hosts under [admin] "
            "in the configuration file (AdminOptions::hosts)");
  }
  auto parsed = parse_target(target);
  if (!parsed) return refusal(http::status::bad_request, "bad request", "the path cannot be read");
  const auto place = place_of(parsed->path);
  if (!place) {
    return refusal(
        http::status::not_found, "not found",
        "unknown path; the paths are /, /healthz, /readyz, /metrics, /api/v1/stats, /api/v1/health, "
        "/api/v1/alerts and /api/v1/caches/NAME");
  }
  const auto wanted = method == http::verb::head ? http::verb::get : method;
  for (const auto& way : place->ways) {
    if (way.method != wanted) continue;
    AdminRequest request{way.kind, {.operation = way.operation, .cache = place->cache}};
    for (const auto& [name, value] : parsed->query) {
      if (request.call.arguments.emplace(name, text_or_bytes(value)).second) continue;
      return refusal(http::status::bad_request, "bad request", printable_key(name) + " is given twice");
    }
    if (request.kind == Route::call) {
      if (auto refused = access_.refuse(caller, fields, request.call)) return std::move(*refused);
    }
    return request;
  }
  return wrong_method(*place);
}

void AdminRoutes::answer(AdminRequest request, std::string_view body, Handler<HttpAnswer> done) const {
  switch (request.kind) {
    case Route::page:
      return done({.content_type = "text/html; charset=utf-8",
                   .body = std::string(status_page()),
                   .headers = {{"Content-Security-Policy", status_page_policy()}}});
    case Route::live:
      return done({.body = R"({"live":true,"version":")" TERRACE_VERSION "\"}"});
    case Route::ready: {
      AdminReply health = api_.health();
      const bool ready = health.body["healthy"].as_bool();
      health.body["ready"] = ready;
      HttpAnswer answer = json_answer(health);
      if (!ready) answer.status = http::status::service_unavailable;
      return done(std::move(answer));
    }
    case Route::metrics:
      return done({.content_type = std::string(Metrics::content_type), .body = metrics_->text()});
    case Route::stats:
      return done(json_answer(api_.stats()));
    case Route::cache_stats:
      return done(json_answer(api_.stats(request.call.cache)));
    case Route::health:
      return done(json_answer(api_.health()));
    case Route::alerts:
      return done(json_answer(api_.alerts()));
    case Route::call:
      break;
  }
  if (const auto failed = add_arguments(request.call.arguments, body)) {
    return done(json_answer(AdminReply::failed(*failed)));
  }
  api_.run(std::move(request.call),
           [done = std::move(done)](AdminReply reply) mutable { done(json_answer(reply)); });
}

}  // namespace terrace::service
