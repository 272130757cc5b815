#pragma once
/// Substitution: replaces variables in the strings of a configuration:
///
///     ${NAME}             the environment variable; a mistake if it is not set
///     ${NAME:-default}    the same, or the default if it is not set or empty
///     ${file:PATH}        the content of the file, without the end of its last line: for secrets
///     $${                 the characters ${
///
/// In a tier URL, a replacement for user or password is percent-encoded.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "service/config_findings.hpp"

namespace terrace::config {

using Environment = std::function<std::optional<std::string>(const std::string&)>;

enum class TextKind : std::uint8_t { plain, tier_url };

class Substitution {
 public:
  Substitution(Environment environment, Findings& findings)
      : environment_(std::move(environment)), findings_(findings) {}

  /// Nothing: there is a mistake, which is in the findings.
  [[nodiscard]] std::optional<std::string> expand(std::string_view raw, const Place& place,
                                                  TextKind kind = TextKind::plain);

  /// Whether the text contains substitutions.
  [[nodiscard]] static bool has_any(std::string_view raw) noexcept { return raw.find("${") != raw.npos; }

 private:
  std::optional<std::string> resolve(std::string_view inside, const Place& place);
  std::optional<std::string> variable(std::string_view inside, const Place& place);
  std::optional<std::string> file(const std::string& path, const Place& place);

  const Environment environment_;
  Findings& findings_;
};

/// Whether the text, before substitution, is a secret itself.
[[nodiscard]] bool is_literal(std::string_view raw);
/// Whether a URL, before substitution, has its password in plain text. In a list of URLs: any of them.
[[nodiscard]] bool has_literal_password(std::string_view raw);

}  // namespace terrace::config
