#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>

#include "service/config_data.hpp"

namespace terrace {
namespace {

using namespace config;

constexpr std::size_t max_text = 1 << 20;
/// Nesting of tables; deep nesting would use up the stack.
constexpr std::size_t deepest = 64;

std::optional<std::string> environment_of_process(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

/// The message of toml++ without its quotes from the text, which may be part of a secret.
std::string silenced(std::string_view description) {
  std::string text(description.substr(0, description.find(", saw ")));
  if (description.find("cannot redefine") != std::string_view::npos ||
      description.find("cannot insert") != std::string_view::npos)
    return text;  // these messages quote keys
  constexpr std::string_view wanted = "expected ", closing = "closing ", or_more = "or ";
  for (auto open = text.find('\''); open != std::string::npos;) {
    const auto close = std::min(text.find('\'', open + 1), text.size() - 1);
    const std::string_view before = std::string_view(text).substr(0, open);
    const bool own = before.ends_with(wanted) || before.ends_with(closing) || before.ends_with(or_more);
    if (!own) text.replace(open, close - open + 1, "the text there");
    open = text.find('\'', own ? close + 1 : open);
  }
  return text;
}

/// The line that has more dots outside quotes than tables may be nested deep.
unsigned too_deep(std::string_view text) {
  unsigned line = 1;
  std::size_t dots = 0;
  for (const char c : text) {
    if (c == '\n') {
      ++line;
      dots = 0;
    } else if (c == '=' || c == '"' || c == '\'') {
      dots = 0;
    } else if (c == '.' && ++dots > deepest) {
      return line;
    }
  }
  return 0;
}

std::optional<toml::table> parse_toml(std::string_view text, Findings& findings) {
  if (text.size() > max_text) {
    findings.mistake({}, "is larger than 1 MiB, so it is no configuration; give the right file");
    return std::nullopt;
  }
  if (const unsigned line = too_deep(text); line > 0) {
    findings.mistake({{}, line}, "syntax: keys are nested more than 64 levels deep");
    return std::nullopt;
  }
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    const auto& at = error.source().begin;
    findings.mistake({{}, at.line, at.column},
                     "syntax, at column " + std::to_string(at.column) + ": " + silenced(error.description()));
    return std::nullopt;
  }
}

void take(Config::Data& data, Draft&& draft) {
  data.runtime = draft.runtime;
  for (DraftTier& tier : draft.tiers) {
    data.tiers.push_back(std::move(tier.config));
    data.stores.emplace_back(std::move(tier.url_place), std::move(tier.store));
  }
  for (DraftCache& cache : draft.caches) data.caches.push_back(std::move(cache.config));
  data.monitor = draft.monitor;
  for (DraftAlert& alert : draft.alerts) data.alerts.push_back(std::move(alert.config));
  data.sinks.log = draft.log;
  for (DraftWebhook& webhook : draft.webhooks) data.sinks.webhooks.push_back(std::move(webhook.config));
  data.admin = std::move(draft.admin);
}

std::shared_ptr<const Config::Data> read_text(std::string_view text, const ConfigSource& source,
                                              bool others_may_read) {
  auto data = std::make_shared<Config::Data>();
  data->file = source.file;
  Findings findings;
  if (const auto table = parse_toml(text, findings)) {
    Substitution texts(source.environment ? source.environment : environment_of_process, findings);
    Reading reading{findings, texts};
    Draft draft = read_draft(*table, reading);
    check_draft(draft, findings);
    warn_of_draft(draft, findings);
    if (others_may_read) warn_of_secrets(draft, source.file, findings);
    take(*data, std::move(draft));
    data->known = std::move(reading.known);
  }
  data->findings = findings.take();
  return data;
}

}  // namespace

Config Config::check_text(std::string_view text, const ConfigSource& source) {
  return Config(read_text(text, source, false));
}

Config Config::check(const std::filesystem::path& file) {
  std::error_code error;
  std::ifstream stream;
  if (!std::filesystem::is_directory(file, error)) stream.open(file, std::ios::binary);
  const int reason = std::filesystem::is_directory(file, error) ? EISDIR : errno;
  if (!stream.is_open()) {
    auto data = std::make_shared<Data>();
    data->file = file.string();
    data->findings.push_back({.what = "cannot be read: " + std::system_category().message(reason) +
                                      "; `terrace config example` prints one"});
    return Config(std::move(data));
  }
  std::string text(max_text + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  const auto others = std::filesystem::perms::group_read | std::filesystem::perms::others_read;
  const auto mode = std::filesystem::status(file, error).permissions();
  const bool others_may_read = !error && (mode & others) != std::filesystem::perms::none;
  return Config(read_text(text, {.file = file.string()}, others_may_read));
}

Config Config::load(const std::filesystem::path& file) {
  Config config = check(file);
  config.require_valid();
  return config;
}

Config Config::parse(std::string_view text, const ConfigSource& source) {
  Config config = check_text(text, source);
  config.require_valid();
  return config;
}

bool Config::valid() const noexcept {
  return std::none_of(findings().begin(), findings().end(),
                      [](const ConfigFinding& one) { return one.kind == ConfigFinding::Kind::mistake; });
}

void Config::require_valid() const {
  std::string text;
  for (const ConfigFinding& finding : findings()) {
    if (finding.kind == ConfigFinding::Kind::mistake)
      text += (text.empty() ? "" : "\n") + to_string(finding, file());
  }
  if (!text.empty()) throw ConfigError(text);
}

const std::vector<ConfigFinding>& Config::findings() const noexcept {
  return data_->findings;
}
const std::string& Config::file() const noexcept {
  return data_->file;
}
const RuntimeOptions& Config::runtime() const noexcept {
  return data_->runtime;
}
const std::vector<TierConfig>& Config::tiers() const noexcept {
  return data_->tiers;
}
const std::vector<CacheConfig>& Config::caches() const noexcept {
  return data_->caches;
}
std::vector<std::string> Config::cache_names() const {
  std::vector<std::string> names;
  for (const CacheConfig& cache : caches()) names.push_back(cache.options.name);
  return names;
}
const MonitorOptions& Config::monitor() const noexcept {
  return data_->monitor;
}
const std::vector<AlertRule>& Config::alerts() const noexcept {
  return data_->alerts;
}
const SinksConfig& Config::sinks() const noexcept {
  return data_->sinks;
}
const std::optional<AdminOptions>& Config::admin() const noexcept {
  return data_->admin;
}

}  // namespace terrace
