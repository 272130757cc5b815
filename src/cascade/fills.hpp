#pragma once
/// Fills: what is on its way into tiers after its readers were answered, so that flush() can wait for it.

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <terrace/tier.hpp>
#include <utility>
#include <vector>

namespace terrace::cascade {

/// Thread safe. Handlers are called without a lock.
class Fills {
 public:
  using Ticket = std::uint64_t;

  /// Counts as a fill while it lives: from before a reader is answered until the fills for it have begun.
  class Intent {
   public:
    explicit Intent(Fills& fills) : fills_(fills), ticket_(fills.begin()) {}
    ~Intent() { fills_.end(ticket_); }
    Intent(const Intent&) = delete;
    Intent& operator=(const Intent&) = delete;

   private:
    Fills& fills_;
    Ticket ticket_;
  };

  Ticket begin() {
    std::lock_guard lock(mutex_);
    under_way_.insert(++last_);
    return last_;
  }

  void end(Ticket ticket) {
    std::vector<Handler<Result<void>>> done;
    {
      std::lock_guard lock(mutex_);
      under_way_.erase(ticket);
      while (!waiting_.empty() && (under_way_.empty() || waiting_.begin()->first < *under_way_.begin())) {
        done.push_back(std::move(waiting_.extract(waiting_.begin()).mapped()));
      }
    }
    for (auto& handler : done) handler({});
  }

  /// Calls the handler when everything begun before has ended; at once when it has.
  void when_ended(Handler<Result<void>> done) {
    {
      std::lock_guard lock(mutex_);
      if (!under_way_.empty()) {
        waiting_.emplace(last_, std::move(done));
        return;
      }
    }
    done({});
  }

 private:
  std::mutex mutex_;
  std::set<Ticket> under_way_;
  std::multimap<Ticket, Handler<Result<void>>> waiting_;  // the last ticket it waits for
  Ticket last_ = 0;
};

}  // namespace terrace::cascade
