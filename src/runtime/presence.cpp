#include "runtime/presence.hpp"

#include <spdlog/spdlog.h>

namespace terrace {

void Presence::missed(TimePoint now, std::string_view why) {
  if (!away_since_) away_since_ = now;
  if (owes_return_ || (told_ && now - *told_ < pause)) return;
  told_ = now;
  owes_return_ = true;
  spdlog::warn("{} is away: {}", server_, why);
}

void Presence::reached(TimePoint now) {
  if (std::exchange(owes_return_, false)) {
    const std::chrono::duration<double> away = now - *away_since_;
    spdlog::warn("{} is back after {:.1f} s", server_, away.count());
  }
  away_since_.reset();
}

}  // namespace terrace
