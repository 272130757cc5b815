#pragma once
/// Files of results, as options name them: whole or not there.

#include <string>
#include <string_view>

namespace terrace::cli {

/// Throws UsageError when the file could not be written, so that nobody works for nothing; `what` is the
/// option's. Leaves no trace.
void check_result_file(const std::string& path, std::string_view what);

/// Writes the file, over one of that name or what it links to, which then keeps its mode. Throws
/// std::runtime_error when it cannot be written.
void write_result_file(const std::string& path, std::string_view text);

}  // namespace terrace::cli
