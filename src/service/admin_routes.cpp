#include "service/admin_routes.hpp"

#include <sodium.h>

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

/// The text after "Bearer ", empty: something else.
std::string_view bearer(std::string_view authorization) {
  constexpr std::string_view scheme = "bearer ";
  if (authorization.size() <= scheme.size()) return {};
  const bool is_bearer = std::equal(
      scheme.begin(), scheme.end(), authorization.begin(),
      [](char wanted, char c) { return wanted == (c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c); });
  return is_bearer ? authorization.substr(scheme.size()) : std::string_view();
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

TokenGuard::TokenGuard(std::string_view token) : has_token_(!token.empty()) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot start: the system gives no random bytes");
  randombytes_buf(key_.data(), key_.size());
  right_ = digest(token);
}

/// Has a fixed length, whatever is given, and cannot be predicted: comparing digests reveals nothing of the
/// token.
TokenGuard::Digest TokenGuard::digest(std::string_view token) const noexcept {
  Digest out{};
  crypto_generichash(out.data(), out.size(), reinterpret_cast<const unsigned char*>(token.data()),
                     token.size(), key_.data(), key_.size());
  return out;
}

bool TokenGuard::is_right(std::string_view token) const noexcept {
  const Digest given = digest(token);
  return sodium_memcmp(given.data(), right_.data(), given.size()) == 0 && has_token_;
}

bool AdminRoutes::is_known_host(std::string_view header, unsigned version) const {
  if (hosts_.empty()) return true;
  // Browsers always send it; a client that speaks HTTP/1.0 and does not send it is no browser.
  if (header.empty()) return version < 11;
  return std::find(hosts_.begin(), hosts_.end(), host_of(header)) != hosts_.end();
}

Admitted AdminRoutes::admit(const http::fields& fields, http::verb method, std::string_view target,
                            unsigned version) const {
  const std::string_view host = fields[http::field::host];
  if (version >= 11 && fields.count(http::field::host) != 1) {
    return refusal(http::status::bad_request, "bad request", "a request needs exactly one Host header");
  }
  if (!is_known_host(host, version)) {
    return refusal(
        http::status::misdirected_request, "misdirected request",
        "this endpoint listens on this machine only, and accepts the Host names localhost, 127.0.0.1 and "
        "[::1], but not the "
        "Host of this request; a proxy in front of it must send one of these");
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
    return authorize(fields, std::move(request));
  }
  return wrong_method(*place);
}

Admitted AdminRoutes::authorize(const http::fields& fields, AdminRequest&& request) const {
  if (request.kind != Route::call) return std::move(request);
  if (!guard_.has_token()) {
    return refusal(http::status::forbidden, "forbidden",
                   "keys and values can be shown and changed only if a token is set: AdminOptions::token, or "
                   "token under [admin] in the configuration file");
  }
  const bool one = fields.count(http::field::authorization) == 1;
  if (one && guard_.is_right(bearer(fields[http::field::authorization]))) return std::move(request);
  HttpAnswer answer = refusal(http::status::unauthorized, "unauthorized",
                              "send the admin token: Authorization: Bearer TOKEN");
  answer.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"terrace\"");
  return answer;
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
