#pragma once
/// HttpAnswer: an answer of the admin endpoint.

#include <boost/beast/http/status.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

}  // namespace terrace::service
