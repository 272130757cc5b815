#pragma once
/// zstd frames of payloads. The decompressed size is checked before anything is allocated.

#include <cstddef>
#include <optional>
#include <terrace/bytes.hpp>
#include <terrace/result.hpp>

namespace terrace::envelope {

/// A frame may stand for this many times its size; for fewer bytes than `harmless_size` the ratio is free.
inline constexpr std::size_t max_ratio = 1000, harmless_size = 64 * 1024;

/// Appends one zstd frame of the payload to `out`. False, with `out` unchanged: the frame is not smaller, or
/// so small that readers would reject it.
bool append_compressed(BytesView payload, int level, Bytes& out);

/// Errc::corrupt: not one complete zstd frame that states its size, or the result would exceed max_size
/// bytes or max_ratio.
Result<Bytes> decompressed(BytesView frame, std::size_t max_size);

}  // namespace terrace::envelope
