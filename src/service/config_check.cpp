/// Checks that a configuration can be built, by asking the parts that will build it.

#include <algorithm>
#include <filesystem>
#include <terrace/bytes.hpp>
#include <terrace/key_ring.hpp>
#include <terrace/memory_options.hpp>

#include "base/nearest.hpp"
#include "cascade/level_rules.hpp"
#include "service/config_draft.hpp"
#include "service/config_fields.hpp"
#include "service/config_stores.hpp"

namespace terrace::config {
namespace {

namespace fs = std::filesystem;

constexpr unsigned most_workers = 4096;

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

/// The message about options in C++, with the names of the file.
std::string in_words_of_the_file(std::string text, const std::string& cache) {
  const std::string who = "cache \"" + cache + "\": ";
  if (text.starts_with(who)) text.erase(0, who.size());
  replace_all(text, "MemoryCache: ", "");
  replace_all(text, "WriteBackOptions::", "write_back.");
  replace_all(text, "WriteMode::back", "\"back\"");
  replace_all(text, "Consistency::eventual", "\"eventual\"");
  replace_all(text, "give a writer, or make", "make");  // a writer can only be given in code
  replace_all(text, "write_back.path and writer are", "write_back.path is");
  return text;
}

/// The key at the beginning of a message.
std::string first_word(const std::string& text) {
  return text.substr(0, text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_."));
}

/// Sets the option to its default, so that the next mistake is found.
void reset(CacheOptions& options, const std::string& key) {
  if (key.starts_with("write_back.")) {
    options.write_back = {};
    if (options.write_mode == WriteMode::back) options.write_back.path = "-";
    return;
  }
  reset_option(options, key, [](auto& all, auto visit) { visit_cache(all, visit); });
}

void check_options(const DraftCache& cache, Findings& findings) {
  CacheOptions options = cache.config.options;
  const auto report = [&](const ConfigError& error, const Place* place) {
    const std::string what = in_words_of_the_file(error.what(), options.name);
    const std::string key = first_word(what);
    const bool is_key = key.find('_') != std::string::npos || cache.given.contains(key);
    findings.mistake(place != nullptr ? *place : is_key ? cache.at(key) : cache.place, what);
    return key;
  };
  constexpr int most_mistakes = 64;
  for (int i = 0; i < most_mistakes; ++i) {
    try {
      options.check();
      break;
    } catch (const ConfigError& error) {
      const bool of_name = std::string_view(error.what()).starts_with("cache name ");
      const std::string key = report(error, of_name ? &cache.place : nullptr);
      if (of_name) {
        options.name = "x";
      } else {
        reset(options, key);
      }
    }
  }
  try {
    memory::check_limits({options.max_entries, options.max_bytes, {}, {}, 0, {}});
  } catch (const ConfigError& error) {
    report(error, nullptr);
  }
}

/// The tier with that name, or the one for the URL.
DraftTier* find_tier(std::vector<DraftTier>& tiers, const std::string& name) {
  const auto found = std::find_if(tiers.begin(), tiers.end(), [&](const DraftTier& tier) {
    return tier.named ? tier.config.name == name : tier.config.url == name;
  });
  return found == tiers.end() ? nullptr : &*found;
}

template <class Drafts, class NameOf>
std::vector<std::string> names_of(const Drafts& drafts, NameOf name_of) {
  std::vector<std::string> names;
  for (const auto& draft : drafts) names.push_back(name_of(draft));
  return names;
}

void check_store(DraftTier& tier, const Place& place, Findings& findings) {
  if (tier.config.url.empty()) return;
  try {
    tier.store = sound_store(tier.config);
  } catch (const ConfigError& error) {
    std::string what = error.what();
    replace_all(what, "Tier URL: ", "");
    findings.mistake(place, what);
  }
}

void check_tiers(Draft& draft, Findings& findings) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  for (DraftTier& tier : draft.tiers) {
    if (tier.config.name.empty() || tier.config.name.find_first_not_of(allowed) != std::string::npos) {
      findings.mistake(tier.place, "is no name for a tier; use one or more of A-Z a-z 0-9 _ . -");
    }
    check_store(tier, tier.url_place, findings);
  }
}

/// A tier without a name is identified by the store that its URL addresses; two that differ only in the rest
/// would be taken for one.
void check_alone(const std::vector<DraftTier>& tiers, const DraftTier& added, Findings& findings) {
  const auto other = std::find_if(tiers.begin(), tiers.end(), [&](const DraftTier& tier) {
    return &tier != &added && !tier.named && tier.store && added.store &&
           tier.config.name == added.config.name;
  });
  if (other == tiers.end()) return;
  findings.mistake(added.place, "addresses the same store as the URL in line " +
                                    std::to_string(other->place.line) +
                                    ", but with another user, password or setting; give each a name "
                                    "under [tiers]");
}

/// The tiers that a cache names, and those that it gives as URLs.
void find_tiers(Draft& draft, DraftCache& cache, Findings& findings) {
  for (const Section::Item& item : cache.tiers) {
    const bool is_url = item.text.find(':') != std::string::npos;
    DraftTier* tier = find_tier(draft.tiers, item.text);
    if (tier == nullptr && is_url) {
      tier = &draft.tiers.emplace_back(
          DraftTier{{{}, item.text, {}, item.place.line}, item.place, item.place, false, {}});
      check_store(*tier, item.place, findings);
      if (tier->store) tier->config.name = tier->store->address;
      check_alone(draft.tiers, *tier, findings);
    }
    if (tier == nullptr) {
      const auto named =
          names_of(draft.tiers, [](const DraftTier& one) { return one.named ? one.config.name : ""; });
      findings.mistake(
          item.place,
          "there is no tier of that name; write [tiers.NAME] with its url, or a URL such as sqlite:cache.db" +
              did_you_mean(item.text, named));
      continue;
    }
    auto& names = cache.config.tiers;
    if (std::find(names.begin(), names.end(), tier->config.name) != names.end()) {
      findings.mistake(item.place, "the tier is given twice; give each tier once");
    }
    names.push_back(tier->config.name);
  }
  if (cache.config.options.write_mode == WriteMode::back && cache.tiers.empty()) {
    findings.mistake(cache.at("write_mode"),
                     "is \"back\", but there is no tier to write to; add tiers = [\"…\"]");
  }
}

/// Checks whether the order of the tiers fulfils the options; only for tiers without mistakes.
void check_stack(const std::vector<DraftTier>& tiers, const DraftCache& cache, Findings& findings) {
  std::vector<cascade::LevelTraits> levels;
  for (const std::string& name : cache.config.tiers) {
    const auto tier = std::find_if(tiers.begin(), tiers.end(),
                                   [&](const DraftTier& one) { return one.config.name == name; });
    if (tier == tiers.end() || !tier->store) return;
    levels.push_back({printable_key(name), scope_of(*tier->store)});  // no URL sets replica_reads
  }
  if (levels.size() != cache.tiers.size()) return;
  if (const auto fault = cascade::fault_of(levels, cache.config.options))
    findings.mistake(cache.at(fault->option), in_words_of_the_file(fault->what, cache.config.options.name));
}

void read_ring(DraftKeys& keys, Findings& findings) {
  if (keys.file.empty() == keys.text.empty()) return;
  try {
    keys.ring = keys.file.empty() ? KeyRing::parse(keys.text) : KeyRing::from_file(keys.file);
  } catch (const ConfigError& error) {
    Place place = keys.place;
    place.path += keys.file.empty() ? ".text" : ".file";
    findings.mistake(place, std::string(error.what()) + "; `terrace keys generate` creates one");
  }
}

void find_keys(const Draft& draft, DraftCache& cache, Findings& findings) {
  const std::string& name = cache.config.key_ring;
  if (name.empty()) return;
  const auto found =
      std::find_if(draft.keys.begin(), draft.keys.end(), [&](const auto& one) { return one.name == name; });
  if (found == draft.keys.end()) {
    findings.mistake(cache.at("key_ring"),
                     "there is no key ring " + printable_key(name) + "; write [keys.NAME] with its file" +
                         did_you_mean(name, names_of(draft.keys, [](const auto& one) { return one.name; })));
    return;
  }
  cache.config.options.key_ring = found->ring;
}

void check_journals(const Draft& draft, Findings& findings) {
  std::map<std::string, const DraftCache*> owners;
  for (const DraftCache& cache : draft.caches) {
    const std::string& path = cache.config.options.write_back.path;
    if (cache.config.options.write_mode != WriteMode::back || path.empty()) continue;
    std::error_code error;
    const fs::path full = fs::weakly_canonical(fs::absolute(path), error);
    const auto [owner, first] =
        owners.emplace((error ? fs::path(path).lexically_normal() : full).string(), &cache);
    if (!first) {
      findings.mistake(cache.at("write_back.path"), "is also the journal of cache " +
                                                        owner->second->config.options.name +
                                                        "; give each cache its own directory");
    }
    if (!error && !fs::is_directory(full.parent_path(), error)) {
      findings.mistake(cache.at("write_back.path"), "the directory " + full.parent_path().string() +
                                                        " for the journal does not exist; create it");
    }
  }
}

}  // namespace

void check_draft(Draft& draft, Findings& findings) {
  if (draft.runtime.workers == 0) {
    findings.mistake(draft.runtime_place, "is 0: no loader could ever run; give 1 or more (default: 32)");
  } else if (draft.runtime.workers > most_workers) {
    findings.mistake(draft.runtime_place,
                     std::to_string(draft.runtime.workers) + " threads are too many; give at most 4096");
  }
  check_tiers(draft, findings);
  for (DraftKeys& keys : draft.keys) read_ring(keys, findings);
  for (DraftCache& cache : draft.caches) {
    // A ttl that cannot be read still counts as one, for options that need a ttl.
    if (findings.blames(cache.at("ttl").path)) cache.config.options.ttl = std::chrono::hours(1);
    check_options(cache, findings);
    find_tiers(draft, cache, findings);
    check_stack(draft.tiers, cache, findings);
    find_keys(draft, cache, findings);
  }
  check_journals(draft, findings);
  check_monitoring(draft, findings);
  check_admin(draft, findings);
}

}  // namespace terrace::config
