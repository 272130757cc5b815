#include "envelope/compression.hpp"

#include <zstd.h>

#include <memory>
#include <string>

namespace terrace::envelope {
namespace {

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// Contexts are large and slow to set up, so each thread keeps its own.
ZSTD_CCtx* compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  return context.get();
}
ZSTD_DCtx* decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  return context.get();
}

Error bad_frame(std::string why) {
  return {Errc::corrupt, std::move(why)};
}

/// Whether a frame stands for so much more than itself that only an attacker would store it: a few such entries
/// would fill the memory of a reader.
bool is_bomb(std::size_t frame, std::uint64_t payload) {
  return payload > harmless_size && payload / max_ratio > frame;
}

}  // namespace

bool append_compressed(BytesView payload, int level, Bytes& out) {
  const std::size_t start = out.size();
  // Less room than the payload: a frame that would not be smaller fails for lack of room.
  out.resize(start + payload.size() - 1);
  const std::size_t size = ZSTD_compressCCtx(compressor(), out.data() + start, out.size() - start,
                                             payload.data(), payload.size(), level);
  const bool smaller = ZSTD_isError(size) == 0 && !is_bomb(size, payload.size());
  out.resize(start + (smaller ? size : 0));
  return smaller;
}

Result<Bytes> decompressed(BytesView frame, std::size_t max_size) {
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_ERROR) return bad_frame("the payload is not a zstd frame");
  if (size == ZSTD_CONTENTSIZE_UNKNOWN) return bad_frame("the zstd frame does not state its size");
  if (size > max_size) {
    return bad_frame("the payload would be " + std::to_string(size) + " bytes; the limit is " +
                     std::to_string(max_size));
  }
  if (is_bomb(frame.size(), size)) {
    return bad_frame("the payload would be " + std::to_string(size) + " bytes, more than " +
                     std::to_string(max_ratio) + " times its frame");
  }
  if (ZSTD_findFrameCompressedSize(frame.data(), frame.size()) != frame.size()) {
    return bad_frame("the zstd frame is cut or something follows it");
  }
  Bytes out(size, '\0');
  const std::size_t got =
      ZSTD_decompressDCtx(decompressor(), out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(got) != 0) return bad_frame(std::string("zstd: ") + ZSTD_getErrorName(got));
  if (got != size) return bad_frame("the zstd frame holds less than it states");
  return out;
}

}  // namespace terrace::envelope
