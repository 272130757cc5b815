/// Recovery: the timer and the erases. recovery.hpp decides what to erase, and when.
///
///     recover ──► arm ──timer──► attempt ──► tried ──something is still missing──► arm ──► …

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

/// All keys of the cache, then all its tags.
void erase_everything(const std::shared_ptr<Core>& core, std::size_t tier, const Recovery::Batch& batch) {
  Tier& below = *core->levels[tier]->tier;
  below.erase_prefix(core->prefix, no_deadline, [=, &below](const Result<std::uint64_t>& entries) {
    if (!entries) return tried(core, tier, batch, {false});
    below.erase_prefix(core->tag_prefix, no_deadline, [=](const Result<std::uint64_t>& tags) {
      if (tags) core->sent(tier);
      tried(core, tier, batch, {tags.has_value()});
    });
  });
}

/// A bulk delete that the tier has missed.
void erase_selection(const std::shared_ptr<Core>& core, std::size_t tier, const Recovery::Batch& batch) {
  Handler<Result<std::uint64_t>> took = [core, tier, batch](const Result<std::uint64_t>& gone) {
    if (gone) core->sent(tier);
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
          if (outcome) core->sent(tier);
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
