#include "snapshot/format.hpp"

#include <xxhash.h>

#include "base/words.hpp"

namespace terrace::snapshot {
namespace {

/// No UTF-8 text begins with C1; a changed line end shows that the file was transferred as text.
constexpr BytesView magic("\xc1TRSNAP\n", 8);

enum Flag : std::uint8_t { has_ttl = 1 << 0, has_idle = 1 << 1 };
constexpr std::uint8_t known_flags = has_ttl | has_idle;

std::uint64_t checksum(BytesView bytes, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

bool take_duration(terrace::Reader& reader, bool is_there, Duration& duration) {
  duration = Duration::max();
  std::int64_t count = 0;
  if (is_there && !reader.take(count)) return false;
  if (is_there) duration = Duration(count);
  return true;
}

}  // namespace

Bytes header_bytes(const Header& header) {
  Bytes out(magic);
  append(out, format_version);
  append(out, header.types.key_codec);
  append(out, header.types.value_codec);
  append(out, header.types.key_schema);
  append(out, header.types.value_schema);
  append(out, std::int64_t{header.saved_at.time_since_epoch().count()});
  append(out, checksum(out, 0));
  return out;
}

Result<Header> read_header(BytesView bytes) {
  terrace::Reader reader(bytes);
  BytesView begin;
  std::uint32_t version = 0;
  Header header{};
  std::int64_t saved_at = 0;
  std::uint64_t check = 0;
  if (!reader.take(magic.size(), begin) || begin != magic)
    return Error(Errc::incompatible, "is not a snapshot");
  if (!reader.take(version) || version != format_version)
    return Error(Errc::incompatible, "has format " + std::to_string(version) + ", this program reads " +
                                         std::to_string(format_version));
  Types& types = header.types;
  const bool whole = reader.take(types.key_codec) && reader.take(types.value_codec) &&
                     reader.take(types.key_schema) && reader.take(types.value_schema) &&
                     reader.take(saved_at) && reader.take(check);
  if (!whole || check != checksum(bytes.substr(0, header_size - sizeof check), 0))
    return Error(Errc::corrupt, "is damaged in its header");
  header.saved_at = WallTime(WallTime::duration(saved_at));
  return header;
}

void append_block_head(Bytes& out, const BlockHead& head) {
  append(out, head.size);
  append(out, head.entries);
  append(out, head.checksum);
}

BlockHead read_block_head(BytesView bytes) noexcept {
  BlockHead head{};
  terrace::Reader reader(bytes);
  static_cast<void>(reader.take(head.size) && reader.take(head.entries) && reader.take(head.checksum));
  return head;
}

std::uint64_t block_checksum(std::uint64_t number, std::uint32_t entries, BytesView bytes) {
  return checksum(bytes, number << 32 ^ entries);
}

void append_record(Bytes& out, BytesView key, BytesView value, const Life& life) {
  const bool ttl = life.ttl != Duration::max();
  const bool idle = life.idle != Duration::max();
  append(out, static_cast<std::uint8_t>((ttl ? has_ttl : 0) | (idle ? has_idle : 0)));
  append(out, static_cast<std::uint32_t>(key.size()));
  append(out, static_cast<std::uint32_t>(value.size()));
  if (ttl) append(out, std::int64_t{life.ttl.count()});
  if (idle) append(out, std::int64_t{life.idle.count()});
  out += key;
  out += value;
}

bool take_record(BytesView& rest, Record& record) noexcept {
  terrace::Reader reader(rest);
  std::uint8_t flags = 0;
  std::uint32_t key = 0;
  std::uint32_t value = 0;
  const bool whole = reader.take(flags) && (flags & ~known_flags) == 0 && reader.take(key) &&
                     reader.take(value) && take_duration(reader, (flags & has_ttl) != 0, record.life.ttl) &&
                     take_duration(reader, (flags & has_idle) != 0, record.life.idle) &&
                     reader.take(key, record.key) && reader.take(value, record.value);
  if (whole) rest = reader.rest();
  return whole;
}

}  // namespace terrace::snapshot
