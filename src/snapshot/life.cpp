#include <terrace/detail/snapshot/file.hpp>

namespace terrace::snapshot {

std::optional<Life> left_after(Duration passed, Life life) noexcept {
  const auto is_over = [&](Duration lasts) { return lasts != Duration::max() && lasts <= passed; };
  if (is_over(life.ttl) || is_over(life.idle)) return std::nullopt;
  if (life.ttl != Duration::max()) life.ttl -= passed;
  return life;
}

}  // namespace terrace::snapshot
