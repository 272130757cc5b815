#pragma once
/// Framing: where a request ends, and for which host it is. The rules here are stricter than those of HTTP: a
/// request that a proxy in front of the server could read in another way is refused, because a second request
/// may be hidden in it (request smuggling).

#include <optional>
#include <string>
#include <string_view>

namespace terrace::service {

/// Why the header of a request is refused; none: it is not ambiguous. `header` ends with its empty line.
/// Allowed are, and each at most once: Content-Length with digits only; Transfer-Encoding with the one word
/// chunked, in HTTP/1.1 and without a Content-Length; Host with a name or an address, and a port. HTTP/1.1
/// needs a Host. Folded lines and control characters are refused everywhere.
[[nodiscard]] std::optional<std::string> framing_mistake(std::string_view header);

/// "127.0.0.1" from "127.0.0.1:9390", "::1" from "[0:0:0:0:0:0:0:1]:9390", "localhost" from "LocalHost": lower
/// case, an IPv6 address in its shortest form. None: it is not a host with an optional port.
[[nodiscard]] std::optional<std::string> host_of(std::string_view host_field);

}  // namespace terrace::service
