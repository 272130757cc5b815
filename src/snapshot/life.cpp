#include <cstdint>
#include <terrace/detail/snapshot/file.hpp>

namespace terrace::snapshot {

Duration passed_since(WallTime saved_at, WallTime now) noexcept {
  if (saved_at >= now) return Duration::zero();
  // Unsigned: the difference of two signed numbers has its place there.
  const auto passed = static_cast<std::uint64_t>(now.time_since_epoch().count()) -
                      static_cast<std::uint64_t>(saved_at.time_since_epoch().count());
  constexpr auto most = std::chrono::duration_cast<WallTime::duration>(Duration::max()).count();
  if (passed >= static_cast<std::uint64_t>(most)) return Duration::max();
  return WallTime::duration(static_cast<WallTime::rep>(passed));
}

std::optional<Life> left_after(Duration passed, Life life) noexcept {
  const auto is_over = [&](Duration lasts) { return lasts != Duration::max() && lasts <= passed; };
  if (is_over(life.ttl) || is_over(life.idle)) return std::nullopt;
  if (life.ttl != Duration::max()) life.ttl -= passed;
  return life;
}

}  // namespace terrace::snapshot
