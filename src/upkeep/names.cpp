#include <terrace/monitor.hpp>

namespace terrace {

std::string_view to_string(HealthIssue::Kind kind) noexcept {
  switch (kind) {
    case HealthIssue::Kind::hit_rate:
      return "hit_rate";
    case HealthIssue::Kind::error_rate:
      return "error_rate";
    case HealthIssue::Kind::level_away:
      return "level_away";
    case HealthIssue::Kind::lease_errors:
      return "lease_errors";
    case HealthIssue::Kind::gate_shut:
      return "gate_shut";
    case HealthIssue::Kind::journal_lag:
      return "journal_lag";
    case HealthIssue::Kind::loads_overdue:
      return "loads_overdue";
    case HealthIssue::Kind::closed:
      return "closed";
  }
  return "";
}

std::string_view to_string(Severity severity) noexcept {
  return name_of(severity);
}

std::string_view to_string(AlertNotice::Kind kind) noexcept {
  switch (kind) {
    case AlertNotice::Kind::fired:
      return "fired";
    case AlertNotice::Kind::repeated:
      return "repeated";
    case AlertNotice::Kind::recovered:
      return "recovered";
    case AlertNotice::Kind::broken:
      return "broken";
    case AlertNotice::Kind::mended:
      return "mended";
  }
  return "";
}

}  // namespace terrace
