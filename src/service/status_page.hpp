#pragma once
/// The status page (page/index.html), as it is built into the program.

#include <string>
#include <string_view>

namespace terrace::service {

[[nodiscard]] std::string_view status_page() noexcept;

/// Its Content-Security-Policy: its own script and style, by their hashes, and requests to where it came
/// from; nothing else. Whatever gets into the page, it does not run.
[[nodiscard]] const std::string& status_page_policy();

}  // namespace terrace::service
