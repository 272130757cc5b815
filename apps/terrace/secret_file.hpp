#pragma once
/// Files of secrets: whole or not there, and for their owner only.

#include <string>
#include <string_view>

namespace terrace::cli {

/// Writes a new file of mode 0600, all of it and to the disk before its name appears. Throws UsageError when
/// there is one of that name; std::runtime_error when it cannot be written.
void create_secret_file(const std::string& path, std::string_view text);

/// The same over the file of that name, or what it links to, which keeps its owner.
void replace_secret_file(const std::string& path, std::string_view text);

}  // namespace terrace::cli
