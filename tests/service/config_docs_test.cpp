/// docs/configuration.md names every key, and each with its default. The example is sound.

#include <gmock/gmock.h>

#include <boost/pfr/tuple_size.hpp>
#include <filesystem>
#include <set>
#include <sstream>

#include "service/config_data.hpp"
#include "service/config_fields.hpp"
#include "service/config_fixture.hpp"

namespace terrace {
namespace {

using namespace service_test;

std::string content_of(const char* path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// A configuration with every table there is.
const char* const every_table = R"(
[runtime]
[tiers.t]
url = "sqlite:x.db"
[keys.k]
[defaults]
[defaults.write_back]
[caches.c]
[caches.c.write_back]
[monitor]
[monitor.limits]
[[alerts]]
[sinks]
[[sinks.webhooks]]
[sinks.webhooks.headers]
[admin]
)";

struct Row {
  std::string section;  ///< "caches.*.write_back"
  std::string key;
  std::string standard;  ///< the default as it is written, without backticks
};

std::string pattern_of(std::string heading) {
  const auto replace = [&](const std::string& from, const std::string& to) {
    if (const auto at = heading.find(from); at != std::string::npos) heading.replace(at, from.size(), to);
  };
  const bool many = heading.starts_with("[[");
  std::erase_if(heading, [](char c) { return c == '[' || c == ']'; });
  replace("NAME", "*");
  return heading + (many ? "[]" : "");
}

std::vector<Row> documented() {
  std::vector<Row> rows;
  std::istringstream page(content_of(TERRACE_CONFIG_PAGE));
  std::string section;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) section.clear();
    if (line.starts_with("### `")) section = pattern_of(line.substr(5, line.rfind('`') - 5));
    if (section.empty() || !line.starts_with("| `")) continue;
    const auto end = line.find('`', 3), bar = line.find(" | ", end), last = line.find(" | ", bar + 3);
    Row row{section, line.substr(3, end - 3), line.substr(bar + 3, last - bar - 3)};
    std::erase(row.standard, '`');
    rows.push_back(row);
  }
  return rows;
}

TEST(ConfigPage, NamesEveryKeyAndNoOther) {
  std::set<std::string> known, named;
  const Config config = checked(every_table);
  for (const std::string& key : config.data().known) {
    if (!key.starts_with("defaults")) known.insert(key);
  }
  // A table is no key of its own.
  for (const char* table :
       {"runtime", "tiers", "keys", "caches", "caches.*.write_back", "monitor", "monitor.limits", "alerts",
        "sinks", "sinks.webhooks", "sinks.webhooks[].headers", "admin"}) {
    EXPECT_EQ(known.erase(table), 1U) << table;
  }
  for (const Row& row : documented()) named.insert(row.section + "." + row.key);
  EXPECT_EQ(named, known);
  EXPECT_GT(named.size(), 50U);
}

TEST(ConfigPage, DefaultsTakeWhatCachesTake) {
  std::set<std::string> of_caches, of_defaults;
  const Config config = checked(every_table);
  for (const std::string& key : config.data().known) {
    if (key.starts_with("caches.*.")) of_caches.insert(key.substr(9));
    if (key.starts_with("defaults.")) of_defaults.insert(key.substr(9));
  }
  EXPECT_EQ(of_caches, of_defaults);
}

TEST(ConfigFields, AreAllOptionsThereAre) {
  const auto count = [](auto& options, auto visit_all) {
    std::size_t fields = 0;
    visit_all(options, [&](std::string_view, auto&, auto...) { ++fields; });
    return fields;
  };
  CacheOptions cache;
  const std::size_t apart =
      6;  // name, write_back, key_ring and its alias; scheduler and writer, which only code can set
  EXPECT_EQ(count(cache, [](auto& all, auto visit) { config::visit_cache(all, visit); }) + apart,
            boost::pfr::tuple_size_v<CacheOptions>);
  EXPECT_EQ(count(cache.write_back, [](auto& all, auto visit) { config::visit_write_back(all, visit); }),
            boost::pfr::tuple_size_v<WriteBackOptions>);
  HealthLimits limits;
  EXPECT_EQ(count(limits, [](auto& all, auto visit) { config::visit_limits(all, visit); }),
            boost::pfr::tuple_size_v<HealthLimits>);
}

/// Values as text, to be compared.
template <class T>
std::string text_of(const T& value) {
  std::ostringstream out;
  if constexpr (std::is_enum_v<T>) {
    out << static_cast<int>(value);
  } else if constexpr (std::is_same_v<T, Duration>) {
    out << value.count() << " ns";
  } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    for (const std::string& one : value) out << one << ", ";
  } else if constexpr (requires { value.has_value(); }) {
    if (!value) return "none";
    out << text_of(*value);
  } else {
    out << value;
  }
  return out.str();
}

/// Calls `check(visit, section)` for the options of the section, as they are in the configuration.
template <class Visit>
void visit_section(const Config& config, const std::string& section, Visit&& visit) {
  const Config::Data& data = config.data();
  CacheOptions cache = data.caches.empty() ? CacheOptions() : data.caches[0].options;
  MonitorOptions monitor = data.monitor;
  AlertRule alert = data.alerts.empty() ? AlertRule() : data.alerts[0];
  WebhookOptions webhook = data.sinks.webhooks.empty() ? WebhookOptions() : data.sinks.webhooks[0];
  AdminOptions admin = data.admin.value_or(AdminOptions());
  if (section == "caches.*") config::visit_cache(cache, visit);
  if (section == "caches.*.write_back") config::visit_write_back(cache.write_back, visit);
  if (section == "monitor") config::visit_monitor(monitor, visit);
  if (section == "monitor.limits") config::visit_limits(monitor.limits, visit);
  if (section == "alerts[]") config::visit_alert(alert, visit);
  if (section == "sinks.webhooks[]") config::visit_webhook(webhook, visit);
  if (section == "admin") config::visit_admin(admin, visit);
}

std::string value_of(const Config& config, const Row& row) {
  std::string found = "not an option of terrace's own";
  visit_section(config, row.section, [&](std::string_view name, auto& member, auto...) {
    if (name == row.key) found = text_of(member);
  });
  return found;
}

/// The row as a file: "[caches.x.write_back]\npath = …".
std::string written(const Row& row) {
  std::string head = row.section;
  if (const auto at = head.find('*'); at != std::string::npos) head.replace(at, 1, "x");
  const bool many = head.ends_with("[]");
  if (many) head.erase(head.size() - 2);
  head = many ? "[[" + head + "]]" : "[" + head + "]";
  return head + "\n" + row.key + " = " + row.standard + "\n";
}

TEST(ConfigPage, TellsTheDefaults) {
  const Config nothing = checked("");
  std::size_t compared = 0;
  for (const Row& row : documented()) {
    if (row.standard == "required") continue;
    const std::string by_default = value_of(nothing, row);
    if (row.standard == "none") {
      EXPECT_TRUE(by_default == "none" || by_default.starts_with("not an option"))
          << row.section << "." << row.key;
      continue;
    }
    const Config config = checked(written(row));
    for (const ConfigFinding& finding : config.findings())
      EXPECT_FALSE(finding.where.ends_with(row.key) && finding.what.find("write ") == 0)
          << written(row) << finding.what;
    EXPECT_EQ(value_of(config, row), by_default) << written(row);
    ++compared;
  }
  EXPECT_GT(compared, 40U);
}

TEST(ConfigExample, HasNoMistakeAndOnlyTheWarningsItSpeaksOf) {
  const Config config = Config::check(TERRACE_EXAMPLE_FILE);
  ASSERT_TRUE(config.valid()) << lines(config.findings());
  for (const ConfigFinding& finding : config.findings()) {
    EXPECT_TRUE(finding.where.ends_with(".key_ring") || finding.where == "admin.token") << lines({finding});
  }
  EXPECT_EQ(config.cache_names(), (std::vector<std::string>{"pages", "users"}));
  EXPECT_EQ(config.alerts().size(), 2U);
}

TEST(ConfigExample, IsInTheProgram) {
  EXPECT_EQ(example_config(), content_of(TERRACE_EXAMPLE_FILE));
}

/// What is commented out there is right, too.
TEST(ConfigExample, HoldsOnlySoundExamples) {
  std::string text;
  std::istringstream page{std::string(example_config())};
  for (std::string line; std::getline(page, line);) {
    const bool code = line.starts_with("# ") &&
                      (line.starts_with("# [") ||
                       (line.find(" = ") != std::string::npos && line.find('"') != std::string::npos));
    // The url in place of the one above it.
    if (line.starts_with("# url = \"rediss")) continue;
    text += (code ? line.substr(2) : line) + "\n";
  }
  const Config config = checked(text);
  for (const ConfigFinding& finding : of_kind(config, ConfigFinding::Kind::mistake)) {
    const bool of_files = finding.what.find("cannot be read") != std::string::npos ||
                          finding.what.find("does not exist") != std::string::npos ||
                          finding.what.find("no tier to write to") != std::string::npos;
    EXPECT_TRUE(of_files) << lines({finding});
  }
  EXPECT_EQ(config.cache_names(), (std::vector<std::string>{"counters", "pages", "users"}));
}

}  // namespace
}  // namespace terrace
