/// The watch: changes that other processes make in a shared tier are reported to memory, to the flights and
/// to the staleness check, `Gate` (coherence rules "Watch" and "Staleness check" of docs/reliability.md).
///
///     changed(key) ──a tag's token──► the tag is unknown
///             └──a key──► probably caused by this process (OwnNotices)? ──yes──► Core::on_own_notice
///                                                                       └─no───► Core::on_notice: memory loses it
///     watching, proven, lost ──► the gate (gate.hpp has its states)
///     changed, lease_changed, lost ──► flights that wait for a lease ask again (lease.cpp)

#include "cascade/watch.hpp"

namespace terrace::cascade {
namespace {

class CoreWatcher final : public Watcher {
 public:
  CoreWatcher(const std::shared_ptr<Core>& core, std::size_t tier, std::size_t watch)
      : core_(core), tier_(tier), watch_(watch) {}

  void watching(TimePoint since) override {
    with([&](Core& core) {
      core.values->gate().on_watching(watch_, since);
      own(core).watching();
      core.tags.doubt_all();
    });
  }
  void changed(const std::vector<std::string>& keys) override {
    with([&](Core& core) {
      for (const std::string& key : keys) changed(core, own(core), key);
    });
  }
  void changed_all() override {
    with([&](Core& core) {
      core.counters.add(&CacheStats::invalidations_received);
      core.tags.forget_all();
      core.invalidate_all();
      core.lease_waiters.wake_all();
    });
  }
  void lease_changed(const std::vector<std::string>& keys) override {
    with([&](Core& core) {
      for (const std::string& key : keys) {
        if (key.starts_with(core.prefix))
          core.lease_waiters.wake(std::string_view(key).substr(core.prefix.size()));
      }
    });
  }
  void proven(TimePoint until) override {
    with([&](Core& core) {
      core.values->gate().on_proven(watch_, until);
      own(core).proven(until);
    });
  }
  void lost() override {
    with([&](Core& core) {
      core.values->gate().on_lost(watch_);
      own(core).lost();
      core.tags.doubt_all();
      core.lease_waiters.wake_all();
    });
  }

 private:
  template <class Act>
  void with(Act act) {
    if (const auto core = core_.lock()) act(*core);
  }

  [[nodiscard]] OwnNotices& own(Core& core) const { return core.levels[tier_]->own_notices; }

  static void changed(Core& core, OwnNotices& own, std::string_view key) {
    if (key.starts_with(core.tag_prefix)) {
      core.counters.add(&CacheStats::invalidations_received);
      core.tags.noticed(std::string(key.substr(core.tag_prefix.size())));
    } else if (key.starts_with(core.prefix)) {
      core.counters.add(&CacheStats::invalidations_received);
      key.remove_prefix(core.prefix.size());
      if (own.noticed(key)) {
        core.on_own_notice(key);
      } else {
        core.on_notice(key);
      }
      core.lease_waiters.wake(key);
    }
  }

  const std::weak_ptr<Core> core_;
  const std::size_t tier_;
  const std::size_t watch_;  // its number at the gate
};

}  // namespace

void start_watches(const std::shared_ptr<Core>& core) {
  Gate& gate = core->values->gate();
  if (core->options.consistency == Consistency::strong && !core->levels.empty()) gate.shut();
  if (core->options.consistency != Consistency::eventual) return;
  std::vector<std::pair<SharedTier*, std::shared_ptr<Watcher>>> watches;
  for (std::size_t tier = 0; tier < core->levels.size(); ++tier) {
    SharedTier* const shared = core->levels[tier]->shared;
    if (shared == nullptr) continue;
    core->levels[tier]->own_notices.begin(shared->notices_of_a_change());
    watches.emplace_back(shared, std::make_shared<CoreWatcher>(core, tier, gate.add_watch()));
  }
  for (auto& [tier, watcher] : watches) {
    core->watches.push_back(tier->watch({core->prefix, core->tag_prefix}, std::move(watcher)));
  }
}

}  // namespace terrace::cascade
