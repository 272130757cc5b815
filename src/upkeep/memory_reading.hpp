#pragma once
/// The kernel's figures about memory: cgroup v2 (https://docs.kernel.org/admin-guide/cgroup-v2.html, "Memory
/// Interface Files") and pressure stall information (https://docs.kernel.org/accounting/psi.html).

#include <filesystem>
#include <optional>

namespace terrace::upkeep {

struct MemoryReading {
  std::optional<double> used;     ///< share of the nearest limit
  std::optional<double> stalled;  ///< "some avg10", as a share
};

/// `root`: the directory that contains proc and sys. A figure that cannot be read or understood is none.
[[nodiscard]] MemoryReading read_memory(const std::filesystem::path& root);

}  // namespace terrace::upkeep
