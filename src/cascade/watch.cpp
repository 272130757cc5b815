/// The watch: what other processes change in a shared tier reaches memory, the flights and the gate
/// (coherence rules 3 and 4 of docs/reliability.md).

#include "cascade/core.hpp"

namespace terrace::cascade {
namespace {

class CoreWatcher final : public Watcher {
 public:
  CoreWatcher(const std::shared_ptr<Core>& core, std::size_t watch) : core_(core), watch_(watch) {}

  void watching(TimePoint since) override {
    with([&](Core& core) {
      core.values->gate().on_watching(watch_, since);
      core.tags.forget_all();
    });
  }
  void changed(const std::vector<std::string>& keys) override {
    with([&](Core& core) {
      for (const std::string& key : keys) changed(core, key);
    });
  }
  void changed_all() override {
    with([&](Core& core) {
      ++core.counters.invalidations_received;
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
    with([&](Core& core) { core.values->gate().on_proven(watch_, until); });
  }
  void lost() override {
    with([&](Core& core) {
      core.values->gate().on_lost(watch_);
      core.tags.forget_all();
      core.lease_waiters.wake_all();
    });
  }

 private:
  template <class Act>
  void with(Act act) {
    if (const auto core = core_.lock()) act(*core);
  }

  static void changed(Core& core, std::string_view key) {
    if (key.starts_with(core.tag_prefix)) {
      ++core.counters.invalidations_received;
      core.tags.forget(std::string(key.substr(core.tag_prefix.size())));
    } else if (key.starts_with(core.prefix)) {
      ++core.counters.invalidations_received;
      key.remove_prefix(core.prefix.size());
      core.invalidate(key);
      core.lease_waiters.wake(key);
    }
  }

  const std::weak_ptr<Core> core_;
  const std::size_t watch_;
};

}  // namespace

void start_watches(const std::shared_ptr<Core>& core) {
  Gate& gate = core->values->gate();
  if (core->options.consistency == Consistency::strong && !core->levels.empty()) gate.shut();
  if (core->options.consistency != Consistency::eventual) return;
  std::vector<std::pair<SharedTier*, std::shared_ptr<Watcher>>> watches;
  for (const auto& level : core->levels) {
    if (level->shared == nullptr) continue;
    watches.emplace_back(level->shared, std::make_shared<CoreWatcher>(core, gate.add_watch()));
  }
  for (auto& [tier, watcher] : watches) {
    core->watches.push_back(tier->watch({core->prefix, core->tag_prefix}, std::move(watcher)));
  }
}

}  // namespace terrace::cascade
