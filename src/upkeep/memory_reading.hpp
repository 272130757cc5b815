#pragma once
/// What the kernel says of memory: cgroup v2 (https://docs.kernel.org/admin-guide/cgroup-v2.html, "Memory
/// Interface Files") and pressure stall information (https://docs.kernel.org/accounting/psi.html).

#include <filesystem>
#include <optional>

namespace terrace::upkeep {

struct MemoryReading {
  std::optional<double> used;     ///< of the nearest limit
  std::optional<double> stalled;  ///< "some avg10", as a share
};

/// `root`: the folder that holds proc and sys. What cannot be read or understood is not there.
[[nodiscard]] MemoryReading read_memory(const std::filesystem::path& root);

}  // namespace terrace::upkeep
