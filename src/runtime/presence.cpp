#include "runtime/presence.hpp"

#include <spdlog/spdlog.h>

#include "base/assert.hpp"

namespace terrace {

/// What the log knows, has happened.
void Presence::check() const {
  TERRACE_ASSERT(!owes_return_ || (away_since_ && told_));
}

void Presence::missed(TimePoint now, std::string_view why) {
  check();
  if (!away_since_) away_since_ = now;
  if (owes_return_ || (told_ && now - *told_ < pause)) return;
  told_ = now;
  owes_return_ = true;
  check();
  spdlog::warn("{} is away: {}", server_, why);
}

void Presence::reached(TimePoint now) {
  check();
  if (std::exchange(owes_return_, false)) {
    const std::chrono::duration<double> away = now - *away_since_;
    spdlog::warn("{} is back after {:.1f} s", server_, away.count());
  }
  away_since_.reset();
}

}  // namespace terrace
