#pragma once
/// Eviction: the names of the policies that choose which entry a full cache evicts.

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <terrace/detail/names.hpp>

namespace terrace {

/// - adaptive: the default; finds out what the workload needs (see adaptive.hpp)
/// - s3fifo: resistant to scans, and always the same (S3-FIFO, Yang et al., SOSP 2023)
/// - w_tinylfu: keeps the entries that are asked for more often ("w-tinylfu"; W-TinyLFU, Einziger et al., ACM
///   ToS 2017)
/// - gdsf: for entries of very different sizes or costs: evicts the entry with the lowest value for its size
///   (Cherkasova, HP Labs 1998)
/// - lru: evicts the least recently used entry first
/// - lfu: evicts the least often used entry first
/// - fifo: evicts the first inserted entry first
/// - ttl: evicts the entry that expires soonest first; entries without an expiry last, the oldest first
enum class Eviction { adaptive, s3fifo, w_tinylfu, gdsf, lru, lfu, fifo, ttl };
template <>
inline constexpr auto enum_names<Eviction> =
    std::to_array<std::string_view>({"adaptive", "s3fifo", "w-tinylfu", "gdsf", "lru", "lfu", "fifo", "ttl"});
/// `ttl` stays the last.
inline constexpr std::size_t eviction_count = static_cast<std::size_t>(Eviction::ttl) + 1;
static_assert(enum_names<Eviction>.size() == eviction_count, "each policy has a name, in the same order");

/// "adaptive", "s3fifo", …; nothing for an unknown name.
[[nodiscard]] std::optional<Eviction> parse_eviction(std::string_view name) noexcept;
[[nodiscard]] std::string_view to_string(Eviction eviction) noexcept;
/// All names, in the order of the enumeration.
[[nodiscard]] std::span<const std::string_view> eviction_names() noexcept;

}  // namespace terrace
