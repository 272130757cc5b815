/// Recovery: the timer and the erases. recovery.hpp decides what to erase, and when.
///
///     recover ──► arm ──timer──► attempt ──► tried ──something is still missing──► arm ──► …
///                                   └──erased──► clean_above ──► recover, for the next higher tier
///
/// While a tier had the old value, another process may have read it there, and moved it up into the tiers above.
/// So what was erased in one tier is erased in those above it as well, from below to above, and in memory. Not so
/// for a narrow tier: nothing moves up from there, and an erase above would end the lease of a load.

#include "cascade/writing.hpp"

namespace terrace::cascade {
namespace {

void attempt(const std::shared_ptr<Core>& core, std::size_t tier);

void arm(const std::shared_ptr<Core>& core, std::size_t tier) {
  core->scheduler->call_at(core->levels[tier]->recovery.retry_at(), [weak = std::weak_ptr(core), tier] {
    const auto alive = weak.lock();
    if (alive && !alive->closed) attempt(alive, tier);
  });
}

void tried(const std::shared_ptr<Core>& core, std::size_t tier, const Recovery::Batch& batch,
           const std::vector<bool>& arrived) {
  if (core->levels[tier]->recovery.tried(batch, arrived, core->now())) arm(core, tier);
}

/// The key was erased in this tier.
void clean_above(const std::shared_ptr<Core>& core, std::size_t tier, const std::string& tier_key) {
  if (!tier_key.starts_with(core->prefix)) return;  // the token of a tag: only this tier has it
  if (core->levels[tier]->narrow) return;
  core->invalidate(std::string_view(tier_key).substr(core->prefix.size()));
  if (tier > 0) recover(core, tier - 1, tier_key, core->levels[tier - 1]->recovery.ticket());
}

/// These keys were erased in this tier. Memory is notified when the highest shared tier is erased.
void clean_above(const std::shared_ptr<Core>& core, std::size_t tier, const KeySelection& keys) {
  if (core->levels[tier]->narrow) return;
  if (keys.everything()) {
    core->invalidate_all();
  } else {
    core->cancel(keys);
  }
  if (tier > 0) recover(core, tier - 1, keys);
}

/// All keys of the cache, then all its tags.
void erase_everything(const std::shared_ptr<Core>& core, std::size_t tier, const Recovery::Batch& batch) {
  Tier& below = *core->levels[tier]->tier;
  below.erase_prefix(core->prefix, no_deadline, [=, &below](const Result<std::uint64_t>& entries) {
    if (!entries) return tried(core, tier, batch, {false});
    below.erase_prefix(core->tag_prefix, no_deadline, [=](const Result<std::uint64_t>& tags) {
      if (tags) {
        core->sent(tier);
        clean_above(core, tier, KeySelection{});
      }
      tried(core, tier, batch, {tags.has_value()});
    });
  });
}

/// A bulk delete that the tier has missed.
void erase_selection(const std::shared_ptr<Core>& core, std::size_t tier, const Recovery::Batch& batch) {
  Handler<Result<std::uint64_t>> took = [core, tier, batch](const Result<std::uint64_t>& gone) {
    if (gone) {
      core->sent(tier);
      clean_above(core, tier, core->keys_of(*batch.selection));
    }
    tried(core, tier, batch, {gone.has_value()});
  };
  Tier& below = *core->levels[tier]->tier;
  const auto& [prefix, pattern] = *batch.selection;
  if (pattern.empty()) return below.erase_prefix(prefix, no_deadline, std::move(took));
  below.erase_glob(prefix, pattern, no_deadline, std::move(took));
}

void attempt(const std::shared_ptr<Core>& core, std::size_t tier) {
  const auto batch = core->levels[tier]->recovery.next();
  if (!batch) return;
  if (batch->everything()) return erase_everything(core, tier, *batch);
  if (batch->selection) return erase_selection(core, tier, *batch);
  core->ask_many<bool>(
      batch->keys.size(),
      [&](TimePoint deadline, Handler<std::vector<Result<bool>>> done) {
        core->levels[tier]->tier->erase_many({batch->keys.begin(), batch->keys.end()}, deadline,
                                             std::move(done));
      },
      [core, tier, batch = *batch](const std::vector<Result<bool>>& outcomes) {
        std::vector<bool> arrived;
        for (const auto& outcome : outcomes) {
          arrived.push_back(outcome.has_value());
          if (!outcome) continue;
          core->sent(tier);
          clean_above(core, tier, batch.keys[arrived.size() - 1]);
        }
        tried(core, tier, batch, arrived);
      });
}

}  // namespace

void recover(const std::shared_ptr<Core>& core, std::size_t tier, const std::string& tier_key,
             std::uint64_t ticket) {
  if (core->levels[tier]->recovery.missed(tier_key, ticket, core->now())) arm(core, tier);
}

void recover(const std::shared_ptr<Core>& core, std::size_t tier, const KeySelection& keys) {
  Recovery& recovery = core->levels[tier]->recovery;
  const std::uint64_t ticket = recovery.ticket();
  const bool begun = keys.everything() ? recovery.missed_all(ticket, core->now())
                                       : recovery.missed(core->tier_keys(keys), ticket, core->now());
  if (begun) arm(core, tier);
}

}  // namespace terrace::cascade
