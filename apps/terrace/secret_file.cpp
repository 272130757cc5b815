#include "secret_file.hpp"

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "draft_file.hpp"
#include "usage_error.hpp"

namespace terrace::cli {

void create_secret_file(const std::string& path, std::string_view text) {
  Draft draft(path);
  draft.write(text);
  const int error = draft.place(RENAME_NOREPLACE);
  if (error == EEXIST) {
    throw UsageError(
        path +
        " exists, and entries sealed with its keys need them: give another name, or --force to replace it");
  }
  if (error != 0) fail_to_write(path, error);
}

void replace_secret_file(const std::string& path, std::string_view text) {
  Draft draft(std::filesystem::canonical(path));
  draft.write(text);
  draft.own_like_target();
  if (const int error = draft.place(0); error != 0) fail_to_write(path, error);
}

}  // namespace terrace::cli
