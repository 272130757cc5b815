#pragma once
/// AdminAccess: who may show and change keys and values: clients with the token. Each use of the token is
/// logged, and an address that sends wrong tokens has to wait.

#include <array>
#include <boost/beast/http/fields.hpp>
#include <optional>
#include <string_view>

#include "service/admin_api.hpp"
#include "service/http_answer.hpp"
#include "service/wrong_tokens.hpp"

namespace terrace::service {

/// The client that sends a request.
struct AdminCaller {
  boost::asio::ip::address address;
  bool proven = false;  ///< its connection has sent the right token before, so it never has to wait
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
class AdminAccess {
 public:
  explicit AdminAccess(std::string_view token, const Clock& clock = system_clock())
      : guard_(token), clock_(clock) {}

  /// The answer to a caller that may not; none: it may. Logs what it decides for every request with an
  /// Authorization header, without the token, keys and values. While an address has to wait its requests are
  /// not logged: the line of its last wrong token says so.
  [[nodiscard]] std::optional<HttpAnswer> refuse(AdminCaller& caller, const http::fields& fields,
                                                 const AdminCall& call);

 private:
  const TokenGuard guard_;
  const Clock& clock_;
  WrongTokens wrong_;
};

}  // namespace terrace::service
