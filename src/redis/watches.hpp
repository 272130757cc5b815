#pragma once
/// Watch: one watch and its watcher. Prefixes: the prefixes requested from the server.
///
/// Calls to the watcher come from the I/O context, so one at a time; end() may come from any thread.

#include <atomic>
#include <mutex>
#include <set>
#include <string>
#include <terrace/shared_tier.hpp>
#include <thread>
#include <vector>

#include "redis/keys.hpp"

namespace terrace::redis {

/// Prefixes of which none begins with another: Redis rejects overlapping ones on one connection.
using Prefixes = std::set<std::string>;

/// Adds a prefix, unless one covers it, and removes the prefixes that it covers.
void cover(Prefixes& prefixes, const std::string& added);

class Watch {
 public:
  /// Throws ConfigError for prefixes that begin with one another, or none.
  Watch(std::string key_prefix, std::vector<std::string> prefixes, std::shared_ptr<Watcher> watcher);

  /// Afterwards no call comes any more. Waits for a call under way, unless it is on this thread.
  void end();
  [[nodiscard]] bool ended() const { return ended_; }
  /// True inside a call to the watcher.
  [[nodiscard]] bool calling() const noexcept { return caller_ == std::this_thread::get_id(); }

  /// Covers the prefixes that this watch needs: its keys and their leases.
  void cover_own(Prefixes& prefixes, Naming naming) const;

  // Calls of the watcher. Keys have the form of the server; foreign ones are left out.
  [[nodiscard]] bool is_watching() const noexcept { return state_ == State::watching; }
  void watching(TimePoint since);
  void lost();
  void proven(TimePoint until);
  void changed(const std::vector<std::string>& keys, Naming naming);
  void changed_all();

 private:
  enum class State { untold, watching, lost };

  [[nodiscard]] bool watches(std::string_view full_key) const noexcept;
  template <class Call>
  void tell(Call call);

  const std::size_t stripped_;  // length of the key prefix
  std::vector<std::string> prefixes_;
  State state_ = State::untold;
  TimePoint since_{};  // for State::watching

  std::mutex calling_;
  std::atomic<std::thread::id> caller_{};
  std::atomic<bool> ended_{false};
  std::shared_ptr<Watcher> watcher_;
};

}  // namespace terrace::redis
