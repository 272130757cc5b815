#pragma once
/// HttpTarget: the target in the first line of a request: path and query, with their percent codes decoded.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace terrace::service {

struct HttpTarget {
  std::vector<std::string> path;  ///< the parts between the slashes; "/" has none
  std::vector<std::pair<std::string, std::string>> query;
};

/// None: it does not begin with a slash, or has a bad percent code. A + in the query is a blank, as browsers
/// and curl --data-urlencode send it; %2F in the path does not separate parts.
[[nodiscard]] std::optional<HttpTarget> parse_target(std::string_view target);

}  // namespace terrace::service
