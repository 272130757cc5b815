#pragma once
/// zstd frames of payloads, with the bound on what comes out checked before anything is allocated.

#include <cstddef>
#include <optional>
#include <terrace/bytes.hpp>
#include <terrace/result.hpp>

namespace terrace::envelope {

/// Appends one zstd frame of the payload to `out`. False, and `out` as it was: the frame is not smaller.
bool append_compressed(BytesView payload, int level, Bytes& out);

/// Errc::corrupt: not one whole zstd frame that tells its size, or more than max_size bytes would come out.
Result<Bytes> decompressed(BytesView frame, std::size_t max_size);

}  // namespace terrace::envelope
