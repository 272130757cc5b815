#pragma once
/// The status page (page/index.html), built into the program.

#include <string>
#include <string_view>

namespace terrace::service {

[[nodiscard]] std::string_view status_page() noexcept;

/// Its Content-Security-Policy: only its own script and style, by their hashes, and requests to the server it
/// came from. No other code that gets into the page can run.
[[nodiscard]] const std::string& status_page_policy();

}  // namespace terrace::service
