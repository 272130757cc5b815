#pragma once
/// A journal in a directory of its own, whose work runs inside the calls.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "journal/journal.hpp"
#include "support/child_process.hpp"

namespace terrace::journal {

inline Bytes read_file(const std::filesystem::path& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

inline void write_file(const std::filesystem::path& path, BytesView bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

class JournalTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return folder.file("journal"); }

  /// Opens the journal; `recovered` has what it tells.
  std::shared_ptr<Journal> open(JournalOptions options = {}) {
    if (options.path.empty()) options.path = path();
    if (!options.run) options.run = [](Task task) { task(); };
    recovered.clear();
    return Journal::open(std::move(options),
                         [this](Change change) { recovered.push_back(std::move(change)); });
  }

  static Result<Change> append(Journal& journal, Change change) {
    Result<Change> answer = Error(Errc::timed_out, "unanswered");
    journal.append(std::move(change), [&](Result<Change> outcome) { answer = std::move(outcome); });
    return answer;
  }
  static Result<Change> append(Journal& journal, const std::string& key, const std::string& value = "v") {
    return append(journal, {.key = key, .stored = value});
  }

  /// The files with this ending, sorted.
  [[nodiscard]] std::vector<std::filesystem::path> files(const std::string& ending) const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(path()))
      if (entry.path().string().ends_with(ending)) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
  }

  /// What the ConfigError of opening says.
  std::string refusal(JournalOptions options = {}) {
    try {
      open(std::move(options));
    } catch (const ConfigError& error) {
      return error.what();
    }
    ADD_FAILURE() << "it opened";
    return {};
  }

  testing::TempDir folder;
  std::vector<Change> recovered;
};

}  // namespace terrace::journal
