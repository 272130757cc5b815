#include "service/config_draft.hpp"
#include "service/config_fields.hpp"

namespace terrace::config {
namespace {

/// Reads each option that it visits, and records its position.
class FieldReader {
 public:
  FieldReader(Section& section, Given* given, std::string prefix = {})
      : section_(section), given_(given), prefix_(std::move(prefix)) {}

  template <class T, class... Unit>
  void operator()(std::string_view key, T& member, Unit... unit) {
    if (given_ != nullptr && section_.has(key)) (*given_)[prefix_ + std::string(key)] = section_.place(key);
    section_.read(key, member, unit...);
  }

 private:
  Section& section_;
  Given* const given_;
  const std::string prefix_;
};

/// Reads a cache, or [defaults].
void read_cache(Section& section, DraftCache& cache) {
  section.explain_unknown("name", "the name of a cache is the name of its table: [caches.NAME]");
  section.explain_unknown("scheduler", "that can only be set in code");
  section.explain_unknown("writer", "that can only be set in code (make_writer)");
  section.explain_unknown("url", "name the tier in tiers = [\"…\"]");
  visit_cache(cache.config.options, FieldReader(section, &cache.given));
  section.section("write_back", [&](Section& inner) {
    visit_write_back(cache.config.options.write_back, FieldReader(inner, &cache.given, "write_back."));
  });
  const std::string ring = section.renamed("key_ring", "keys");
  if (section.has(ring)) cache.given["key_ring"] = section.place(ring);
  section.read(ring, cache.config.key_ring);
  if (section.has("tiers")) cache.given["tiers"] = section.place("tiers");
  section.read("tiers", cache.tiers, TextKind::tier_url);
}

void read_caches(Section& root, Draft& draft) {
  DraftCache defaults;
  root.section("defaults", [&](Section& section) { read_cache(section, defaults); });
  root.named("caches", [&](const std::string& name, Section& section) {
    DraftCache cache = defaults;
    cache.config.options.name = name;
    cache.place = section.place();
    cache.config.line = cache.place.line;
    read_cache(section, cache);
    draft.caches.push_back(std::move(cache));
  });
}

void read_tiers(Section& root, Draft& draft) {
  root.named("tiers", [&](const std::string& name, Section& section) {
    DraftTier tier{{name, {}, {}, section.place().line}, section.place(), section.place("url")};
    section.read("url", tier.config.url, TextKind::tier_url);
    section.read("key_prefix", tier.config.key_prefix);
    if (has_literal_password(section.raw("url"))) draft.secrets.push_back(section.place("url"));
    if (!section.has("url"))
      section.mistake("url", "is missing; write for instance url = \"redis://127.0.0.1:6379\"");
    draft.tiers.push_back(std::move(tier));
  });
}

void read_keys(Section& root, Draft& draft) {
  root.named("keys", [&](const std::string& name, Section& section) {
    DraftKeys keys{name, section.place()};
    section.read("file", keys.file);
    section.read("text", keys.text);
    if (is_literal(section.raw("text"))) draft.secrets.push_back(section.place("text"));
    if (section.has("file") == section.has("text")) {
      section.mistake(
          section.has("file") ? "text" : "file",
          "a key ring needs exactly one of file = \"/etc/app/terrace.keys\" and text = \"${TERRACE_KEYS}\"; "
          "`terrace keys generate` creates a key ring");
    }
    draft.keys.push_back(std::move(keys));
  });
}

void read_monitoring(Section& root, Draft& draft) {
  root.section("monitor", [&](Section& section) {
    visit_monitor(draft.monitor, FieldReader(section, &draft.monitor_given));
    section.section("limits", [&](Section& limits) {
      visit_limits(draft.monitor.limits, FieldReader(limits, &draft.monitor_given, "limits."));
    });
  });
  root.each("alerts", [&](Section& section) {
    DraftAlert alert;
    alert.place = section.place();
    section.explain_unknown("lasting", "in a configuration its name is for");
    visit_alert(alert.config, FieldReader(section, &alert.given));
    draft.alerts.push_back(std::move(alert));
  });
  root.section("sinks", [&](Section& section) {
    draft.sinks_place = section.place();
    section.read("log", draft.log);
    section.each("webhooks", [&](Section& one) {
      DraftWebhook webhook;
      webhook.place = one.place();
      visit_webhook(webhook.config, FieldReader(one, &webhook.given));
      if (has_literal_password(one.raw("url"))) draft.secrets.push_back(one.place("url"));
      one.section("headers", [&](Section& headers) {
        webhook.given["headers"] = headers.place();
        headers.each_text([&](const std::string& name, std::string value) {
          webhook.config.headers.emplace_back(name, std::move(value));
        });
      });
      draft.webhooks.push_back(std::move(webhook));
    });
  });
}

}  // namespace

Draft read_draft(const toml::table& table, Reading& reading) {
  Draft draft;
  Section root(reading, table, {}, {});
  root.section("runtime", [&](Section& section) {
    draft.runtime_place = section.place("workers");
    section.read("workers", draft.runtime.workers);
  });
  read_tiers(root, draft);
  read_keys(root, draft);
  read_caches(root, draft);
  read_monitoring(root, draft);
  root.section("admin", [&](Section& section) {
    draft.admin.emplace();
    draft.admin_given["admin"] = section.place();
    visit_admin(*draft.admin, FieldReader(section, &draft.admin_given));
    if (is_literal(section.raw("token"))) draft.secrets.push_back(section.place("token"));
  });
  root.finish();
  return draft;
}

}  // namespace terrace::config
