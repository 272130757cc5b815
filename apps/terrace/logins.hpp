#pragma once
/// Logins: users and passwords in words of the command line, which no message may repeat. A URL may stand
/// where none belongs (an option that is not there, a file's place), and its password need not be
/// percent-encoded: so everything between "://" and "@" counts as one.

#include <string>
#include <vector>

namespace terrace::cli {

/// The word with "***" for its login.
[[nodiscard]] std::string without_login(const std::string& word);

/// The text with "***" for the logins of all these words, which it may quote in part.
[[nodiscard]] std::string without_logins(std::string text, const std::vector<std::string>& words);

}  // namespace terrace::cli
