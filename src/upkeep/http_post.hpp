#pragma once
/// HttpPost: sends bodies to one URL by HTTP or HTTPS, each over its own connection, with a time limit.

#include <memory>
#include <terrace/runtime.hpp>
#include <utility>
#include <vector>

#include "upkeep/http_url.hpp"
#include "upkeep/webhook.hpp"

namespace terrace::upkeep {

struct HttpPostOptions {
  HttpUrl url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string content_type;
  Duration timeout;
  std::string ca_file;
};

/// An answer with 2xx is a success. Errc::denied: any other answer except 408, 429 and 5xx, which are
/// unavailable; no answer in time is timed_out. Messages contain neither path nor headers. Throws ConfigError
/// if the file of certificate authorities cannot be read.
std::shared_ptr<Post> make_http_post(HttpPostOptions options, std::shared_ptr<Runtime> runtime);

}  // namespace terrace::upkeep
