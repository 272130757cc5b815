#pragma once
/// The bytes of a snapshot file: docs/snapshot-format.md.

#include <cstdint>
#include <terrace/detail/snapshot/file.hpp>

namespace terrace::snapshot {

inline constexpr std::uint32_t format_version = 1;
inline constexpr std::size_t header_size = 52;
inline constexpr std::size_t block_head_size = 16;
/// The most bytes of a record besides key and value.
inline constexpr std::size_t record_head_size = 25;
/// A block is written when it has reached this size.
inline constexpr std::size_t full_block = 1 << 20;
/// Of key and value together.
inline constexpr std::size_t most_record = std::size_t{1} << 31;

struct Header {
  Types types;
  WallTime saved_at;
};

/// The bytes before a block. The last head has no block behind it: its entries are those of the whole file,
/// also in `checksum`.
struct BlockHead {
  std::uint32_t size;
  std::uint32_t entries;
  std::uint64_t checksum;
};

[[nodiscard]] Bytes header_bytes(const Header& header);
/// `bytes`: header_size bytes. Errors: incompatible, corrupt.
[[nodiscard]] Result<Header> read_header(BytesView bytes);

void append_block_head(Bytes& out, const BlockHead& head);
/// `bytes`: block_head_size bytes.
[[nodiscard]] BlockHead read_block_head(BytesView bytes) noexcept;
/// `number`: of the block, from 0, so that blocks cannot be swapped.
[[nodiscard]] std::uint64_t block_checksum(std::uint64_t number, std::uint32_t entries, BytesView bytes);

void append_record(Bytes& out, BytesView key, BytesView value, const Life& life);
/// Takes a record off the front; false: there is no complete one.
[[nodiscard]] bool take_record(BytesView& rest, Record& record) noexcept;

}  // namespace terrace::snapshot
