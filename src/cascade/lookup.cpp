#include <terrace/lookup.hpp>
#include <terrace/tier.hpp>

namespace terrace {

std::string_view to_string(LookupKind kind) noexcept {
  switch (kind) {
    case LookupKind::hit:
      return "hit";
    case LookupKind::stale:
      return "stale";
    case LookupKind::negative:
      return "negative";
    case LookupKind::miss:
      return "miss";
    case LookupKind::unavailable:
      return "unavailable";
  }
  return "unknown";
}

namespace {

std::string seconds(Duration d) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
  std::string fraction = std::to_string(ms % 1000);
  fraction.insert(0, 3 - fraction.size(), '0');
  return std::to_string(ms / 1000) + "." + fraction + " s";
}

}  // namespace

std::string Explanation::to_string() const {
  std::string out = printable_key(key) + (in_flight ? " (being read or loaded now)\n" : "\n");
  for (const auto& level : levels) {
    out += "  " + level.level + ": " + std::string(terrace::to_string(level.kind));
    if (level.kind != LookupKind::miss && level.kind != LookupKind::unavailable) {
      out += ", age " + seconds(level.age);
      out += level.remaining ? ", expires in " + seconds(*level.remaining) : std::string(", does not expire");
    }
    if (level.bytes > 0) out += ", " + std::to_string(level.bytes) + " bytes";
    if (!level.note.empty()) out += ", " + level.note;
    out += '\n';
  }
  return out;
}

}  // namespace terrace
