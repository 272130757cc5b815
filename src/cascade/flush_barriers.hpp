#pragma once
/// FlushBarriers: the callers of flush(), each waiting until every change put before has reached the sink. It
/// only counts, and has no lock.
///
///     a barrier: waits for the journal (`puts`) ──► waits for the pending keys (`keys`) ──► passed

#include <cstdint>
#include <terrace/tier.hpp>
#include <vector>

#include "cascade/pending_changes.hpp"

namespace terrace::cascade {

class FlushBarriers {
 public:
  struct Barrier {
    std::uint64_t puts = 0;     // waits until this many puts are in the journal,
    std::uint64_t version = 0;  // then (not 0) for every change up to this version,
    std::uint64_t keys = 0;     // of this many keys
    std::uint64_t dead = 0;     // this many of them became dead letters
    Handler<Result<void>> done;
  };

  void add(std::uint64_t puts, Handler<Result<void>> done) {
    barriers_.push_back({.puts = puts, .done = std::move(done)});
  }

  /// A change is not pending any more.
  void note(const PendingChanges::Ended& ended, bool dead) {
    for (Barrier& barrier : barriers_) {
      if (ended.oldest > barrier.version || (ended.queued && *ended.queued <= barrier.version)) continue;
      --barrier.keys;
      barrier.dead += dead ? 1 : 0;
    }
  }

  /// Takes out the barriers that need not wait any longer: `appended` puts are in the journal, the last with
  /// version `newest`, and `pending` keys wait.
  [[nodiscard]] std::vector<Barrier> passed(std::uint64_t appended, std::uint64_t newest,
                                            std::uint64_t pending) {
    std::vector<Barrier> out;
    std::erase_if(barriers_, [&](Barrier& barrier) {
      if (barrier.puts > appended) return false;
      if (barrier.version == 0) {
        barrier.version = newest;
        barrier.keys = pending;
      }
      if (barrier.keys > 0) return false;
      out.push_back(std::move(barrier));
      return true;
    });
    return out;
  }

  [[nodiscard]] std::vector<Barrier> take_all() { return std::exchange(barriers_, {}); }
  [[nodiscard]] bool empty() const noexcept { return barriers_.empty(); }

 private:
  std::vector<Barrier> barriers_;
};

}  // namespace terrace::cascade
