#include <spdlog/spdlog.h>

#include "upkeep/notice_text.hpp"

namespace terrace {
namespace {

spdlog::level::level_enum level_of(const AlertNotice& notice) {
  using Kind = AlertNotice::Kind;
  if (notice.kind == Kind::recovered || notice.kind == Kind::mended) return spdlog::level::info;
  if (notice.severity == Severity::critical) return spdlog::level::critical;
  // A rule that cannot be evaluated watches nothing, whatever its severity.
  const bool mild = notice.severity == Severity::info && notice.kind != Kind::broken;
  return mild ? spdlog::level::info : spdlog::level::warn;
}

}  // namespace

Monitor::Sink log_notices() {
  return [](const AlertNotice& notice) { spdlog::log(level_of(notice), "{}", upkeep::to_line(notice)); };
}

}  // namespace terrace
