#include "upkeep/memory_reading.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace terrace::upkeep {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  return text.str();
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number{};
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc()) return std::nullopt;
  return number;
}

/// The number that follows `name` in a text of names and numbers.
template <class Number>
std::optional<Number> number_after(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  return at == text.npos ? std::nullopt : number_of<Number>(text.substr(at + name.size()));
}

/// For a cgroup; none: it has no limit ("max").
std::optional<double> used_share(const fs::path& group) {
  const auto now = number_of<double>(content_of(group / "memory.current"));
  if (!now) return std::nullopt;
  const auto droppable = number_after<double>(content_of(group / "memory.stat"), "inactive_file ");
  std::optional<double> share;
  for (const char* limit_file : {"memory.max", "memory.high"}) {
    const auto limit = number_of<double>(content_of(group / limit_file));
    if (!limit || !(*limit > 0)) continue;
    share = std::max(share.value_or(0), std::max(0.0, *now - droppable.value_or(0)) / *limit);
  }
  return share;
}

std::optional<double> stalled_share(const fs::path& file) {
  const auto percent = number_after<double>(content_of(file), "some avg10=");
  return percent ? std::optional(*percent / 100) : std::nullopt;
}

/// The place of this process in the hierarchy of version 2, from /proc/self/cgroup: "0::/a/b".
std::optional<std::string> own_group(const fs::path& root) {
  const std::string text = content_of(root / "proc/self/cgroup");
  const std::size_t at = text.rfind("0::/");
  if (at == text.npos || (at != 0 && text[at - 1] != '\n')) return std::nullopt;
  return text.substr(at + 4, text.find('\n', at) - at - 4);
}

}  // namespace

MemoryReading read_memory(const fs::path& root) {
  MemoryReading out;
  if (const auto own = own_group(root)) {
    const fs::path top = root / "sys/fs/cgroup";
    out.stalled = stalled_share(top / *own / "memory.pressure");
    for (fs::path below = *own;; below = below.parent_path()) {
      if (const auto share = used_share(top / below)) out.used = std::max(out.used.value_or(0), *share);
      if (below.empty()) break;
    }
  }
  if (!out.stalled) out.stalled = stalled_share(root / "proc/pressure/memory");
  return out;
}

}  // namespace terrace::upkeep
