#include "service/admin_access.hpp"

#include <sodium.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <terrace/bytes.hpp>

namespace terrace::service {
namespace {

/// The text after "Bearer ", empty: something else.
std::string_view bearer(std::string_view authorization) {
  constexpr std::string_view scheme = "bearer ";
  if (authorization.size() <= scheme.size()) return {};
  const bool is_bearer = std::equal(
      scheme.begin(), scheme.end(), authorization.begin(),
      [](char wanted, char c) { return wanted == (c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c); });
  return is_bearer ? authorization.substr(scheme.size()) : std::string_view();
}

void audit(spdlog::level::level_enum level, const AdminCaller& caller, const AdminCall& call,
           std::string_view outcome) {
  spdlog::log(level, "admin: {} of cache {} from {}: {}", to_string(call.operation),
              printable_key(call.cache), caller.address.to_string(), outcome);
}

HttpAnswer unauthorized() {
  HttpAnswer answer = refusal(http::status::unauthorized, "unauthorized",
                              "send the admin token: Authorization: Bearer TOKEN");
  answer.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"terrace\"");
  return answer;
}

HttpAnswer must_wait(Duration left) {
  const auto seconds = std::to_string(std::chrono::ceil<std::chrono::seconds>(left).count());
  HttpAnswer answer = refusal(http::status::too_many_requests, "too many requests",
                              "wrong tokens came from this address: its tokens are not looked at for " +
                                  seconds + " s; try again then");
  answer.headers.emplace_back("Retry-After", seconds);
  return answer;
}

}  // namespace

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

std::optional<HttpAnswer> AdminAccess::refuse(AdminCaller& caller, const http::fields& fields,
                                              const AdminCall& call) {
  if (!guard_.has_token()) {
    return refusal(http::status::forbidden, "forbidden",
                   "keys and values can be shown and changed only if a token is set: AdminOptions::token, or "
                   "token under [admin] in the configuration file");
  }
  const auto given = fields.count(http::field::authorization);
  if (given == 0) return unauthorized();
  const TimePoint now = clock_.now();
  if (const auto left = wrong_.wait(caller.address, now); left && !caller.proven) return must_wait(*left);
  if (given == 1 && guard_.is_right(bearer(fields[http::field::authorization]))) {
    caller.proven = true;
    audit(spdlog::level::info, caller, call, "allowed");
    return std::nullopt;
  }
  wrong_.add(caller.address, now);
  audit(spdlog::level::warn, caller, call,
        wrong_.wait(caller.address, now) ? "refused, wrong token; further tokens from there have to wait"
                                         : "refused, wrong token");
  return unauthorized();
}

}  // namespace terrace::service
