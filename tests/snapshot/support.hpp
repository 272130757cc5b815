#pragma once
/// What the snapshot tests share.

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <terrace/snapshot.hpp>
#include <terrace/testing.hpp>

#include "support/child_process.hpp"

namespace terrace {

using namespace std::chrono_literals;
using Texts = MemoryCache<std::string, std::string>;

inline MemoryOptions<std::string, std::string> texts_on(const Clock& clock) {
  return {.max_entries = 10'000, .clock = &clock, .sweep_interval = Duration::zero()};
}

inline std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_bytes(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

}  // namespace terrace
