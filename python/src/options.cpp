#include "options.hpp"

#include <terrace/key_ring.hpp>

namespace terrace::python {
namespace {

std::string text(nb::handle value) {
  return nb::cast<std::string>(value);
}

void read(CacheOptions& options, std::string_view name, nb::handle value) {
  const auto time = [&] { return duration(nb::cast<double>(value)); };
  const auto maybe_time = [&]() -> std::optional<Duration> {
    return value.is_none() ? std::nullopt : std::optional(time());
  };
  const auto word = [&](auto parsed, const char* possible) {
    if (!parsed) throw ConfigError(std::string(name) + " \"" + text(value) + "\": use " + possible);
    return *parsed;
  };
  if (name == "name")
    options.name = text(value);
  else if (name == "memory_level")
    options.memory_level = nb::cast<bool>(value);
  else if (name == "max_entries")
    options.max_entries = nb::cast<std::size_t>(value);
  else if (name == "max_bytes")
    options.max_bytes = nb::cast<std::uint64_t>(value);
  else if (name == "advisor")
    options.advisor = nb::cast<bool>(value);
  else if (name == "eviction") {
    std::string names;
    for (const auto known : eviction_names()) names += (names.empty() ? "" : ", ") + std::string(known);
    options.eviction = word(parse_eviction(text(value)), names.c_str());
  } else if (name == "ttl")
    options.ttl = maybe_time();
  else if (name == "negative_ttl")
    options.negative_ttl = maybe_time();
  else if (name == "memory_ttl")
    options.memory_ttl = maybe_time();
  else if (name == "ttl_jitter")
    options.ttl_jitter = nb::cast<double>(value);
  else if (name == "grace")
    options.grace = time();
  else if (name == "retry_after")
    options.retry_after = time();
  else if (name == "eager_refresh")
    options.eager_refresh = nb::cast<double>(value);
  else if (name == "consistency") {
    const std::string level = text(value);
    const auto parsed = level == "weak"       ? std::optional(Consistency::weak)
                        : level == "eventual" ? std::optional(Consistency::eventual)
                        : level == "strong"   ? std::optional(Consistency::strong)
                                              : std::nullopt;
    options.consistency = word(parsed, "weak, eventual or strong");
  } else if (name == "max_staleness")
    options.max_staleness = time();
  else if (name == "lease_time")
    options.lease_time = time();
  else if (name == "write_mode") {
    const std::string mode = text(value);
    const auto parsed = mode == "through"  ? std::optional(WriteMode::through)
                        : mode == "around" ? std::optional(WriteMode::around)
                        : mode == "back"   ? std::optional(WriteMode::back)
                                           : std::nullopt;
    options.write_mode = word(parsed, "through, around or back");
  } else if (name == "journal")
    options.write_back.path = text(value);
  else if (name == "sync") {
    const std::string mode = text(value);
    const auto parsed = mode == "durable"    ? std::optional(JournalSync::durable)
                        : mode == "os_cache" ? std::optional(JournalSync::os_cache)
                                             : std::nullopt;
    options.write_back.sync = word(parsed, "durable or os_cache");
  } else if (name == "flush_interval")
    options.write_back.flush_interval = time();
  else if (name == "max_batch")
    options.write_back.max_batch = nb::cast<std::size_t>(value);
  else if (name == "max_pending")
    options.write_back.max_pending = nb::cast<std::uint64_t>(value);
  else if (name == "max_pending_bytes")
    options.write_back.max_pending_bytes = nb::cast<std::uint64_t>(value);
  else if (name == "max_journal_bytes")
    options.write_back.max_journal_bytes = nb::cast<std::uint64_t>(value);
  else if (name == "max_attempts")
    options.write_back.max_attempts = nb::cast<unsigned>(value);
  else if (name == "compress_above")
    options.compress_above = nb::cast<std::size_t>(value);
  else if (name == "max_value_bytes")
    options.max_value_bytes = nb::cast<std::size_t>(value);
  else if (name == "key_ring")
    options.key_ring = KeyRing::from_file(text(value));
  else if (name == "key_ring_text")
    options.key_ring = KeyRing::parse(text(value));
  else if (name == "tier_timeout")
    options.tier_timeout = time();
  else if (name == "load_timeout")
    options.load_timeout = time();
  else if (name == "soft_load_timeout")
    options.soft_load_timeout = maybe_time();
  else if (name == "max_concurrent_loads")
    options.max_concurrent_loads = nb::cast<std::size_t>(value);
  else
    throw ConfigError("there is no option \"" + std::string(name) + "\"");
}

}  // namespace

CacheOptions cache_options(const nb::dict& settings) {
  CacheOptions options;
  const nb::object shown = nb::module_::import_("terrace._words").attr("shown");
  for (const auto& [name, value] : settings) {
    const auto refuse = [&](const char* remedy) {
      throw ConfigError(text(name) + "=" + text(shown(value)) + remedy);
    };
    try {
      read(options, text(name), value);
    } catch (const nb::cast_error&) {
      refuse(": it is of the wrong type; help(terrace.Cache) says what to give");
    } catch (const nb::python_error&) {
      refuse(": it is out of range; help(terrace.Cache) says what to give");
    }
  }
  return options;
}

Duration duration(double seconds) noexcept {
  constexpr double most = 9e9;  // seconds
  if (seconds >= most) return Duration::max();
  if (seconds <= -most) return Duration::min();
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

double seconds(Duration duration) noexcept {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace terrace::python
