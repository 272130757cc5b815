#pragma once
/// zstd frames of payloads. The decompressed size is checked before anything is allocated.

#include <cstddef>
#include <optional>
#include <terrace/bytes.hpp>
#include <terrace/result.hpp>

namespace terrace::envelope {

/// Appends one zstd frame of the payload to `out`. False, with `out` unchanged: the frame is not smaller.
bool append_compressed(BytesView payload, int level, Bytes& out);

/// Errc::corrupt: not one complete zstd frame that states its size, or the result would exceed max_size
/// bytes.
Result<Bytes> decompressed(BytesView frame, std::size_t max_size);

}  // namespace terrace::envelope
