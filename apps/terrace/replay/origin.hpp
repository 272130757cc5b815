#pragma once
/// Origin: the made-up source of truth behind a replay. It takes its time, and every answer carries a mark by
/// which a wrong one is told from the right one.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <terrace/clock.hpp>
#include <terrace/histogram.hpp>

namespace terrace::cli {

/// Largest value that the origin makes: encoded, every level takes it.
inline constexpr std::uint64_t max_value_size = std::uint64_t{32} << 20;

/// Thread safe.
class Origin {
 public:
  explicit Origin(Duration latency) : latency_(latency) {}

  /// Blocks for the latency and gives `size` bytes, the same for the same key and size.
  [[nodiscard]] std::string load(std::string_view key, std::uint64_t size);

  /// False when these are not bytes that load() gives for this key.
  [[nodiscard]] static bool made(std::string_view key, std::string_view value) noexcept;

  /// How long each load took.
  [[nodiscard]] const Histogram& loads() const noexcept { return loads_; }

 private:
  Duration latency_;
  Histogram loads_;
};

}  // namespace terrace::cli
