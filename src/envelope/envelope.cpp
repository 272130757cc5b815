#include "envelope/envelope.hpp"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "base/assert.hpp"
#include "base/words.hpp"
#include "envelope/compression.hpp"
#include "envelope/seal.hpp"
#include "envelope/wire.hpp"

namespace terrace::envelope {
namespace {

using wire::Flag;

Error corrupt(std::string why) {
  return {Errc::corrupt, std::move(why)};
}
Error incompatible(std::string why) {
  return {Errc::incompatible, std::move(why)};
}

/// The bytes that finish_seal() and open_seal() append to the place: the fixed fields and a key id.
constexpr std::size_t room_for_seal = wire::header_size + 3 * 8 + 4;

/// Where an entry belongs. Lengths are included with their strings, so that "a|bc" and "ab|c" differ.
Bytes place_of(std::string_view ns, std::string_view key) {
  Bytes place;
  place.reserve(8 + ns.size() + key.size() + room_for_seal);
  append(place, static_cast<std::uint32_t>(ns.size()));
  place += ns;
  append(place, static_cast<std::uint32_t>(key.size()));
  place += key;
  return place;
}

std::uint64_t checksum(BytesView place, BytesView bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), XXH3_64bits(place.data(), place.size()));
}

/// The longest grace that can be read back as a Duration.
constexpr auto longest_grace = std::chrono::floor<std::chrono::milliseconds>(Duration::max());

std::int64_t whole_milliseconds(Duration duration) {
  return duration >= longest_grace ? longest_grace.count()
                                   : std::chrono::ceil<std::chrono::milliseconds>(duration).count();
}

void append_tags(Bytes& out, const std::vector<TagToken>& tags) {
  append(out, static_cast<std::uint32_t>(tags.size()));
  for (const TagToken& tag : tags) {
    append(out, static_cast<std::uint32_t>(tag.tag.size()));
    out += tag.tag;
    append(out, tag.token);
  }
}

bool take_tags(Reader& from, std::vector<TagToken>& tags) {
  std::uint32_t count = 0;
  if (!from.take(count) || count == 0 || count > max_tags) return false;
  for (; count > 0; --count) {
    std::uint32_t size = 0;
    BytesView name;
    TagToken tag;
    if (!from.take(size) || size > max_tag_size || !from.take(size, name) || !from.take(tag.token))
      return false;
    tag.tag = name;
    tags.push_back(std::move(tag));
  }
  return true;
}

/// The content of an optional field.
template <class Word>
bool take_nonzero(Reader& from, Word& word) {
  return from.take(word) && word != 0;
}

/// The end of the fixed fields: the checked or sealed bytes follow.
std::size_t body_offset(std::uint16_t flags) {
  const unsigned fields = flags & (Flag::has_expiry | Flag::has_grace | Flag::has_version);
  return wire::header_size + 8 * static_cast<std::size_t>(std::popcount(fields));
}

std::uint16_t flags_of(const EnvelopeMeta& meta) {
  std::uint16_t flags = 0;
  if (meta.negative) flags |= Flag::negative;
  if (meta.fresh_until) flags |= Flag::has_expiry;
  if (meta.grace != Duration::zero()) flags |= Flag::has_grace;
  if (meta.version != 0) flags |= Flag::has_version;
  if (!meta.tags.empty()) flags |= Flag::has_tags;
  return flags;
}

/// Magic to version.
void append_head(Bytes& out, std::uint16_t flags, const EnvelopeMeta& meta) {
  out.append(wire::magic.data(), wire::magic.size());
  append(out, wire::format_version);
  append(out, meta.codec);
  append(out, flags);
  append(out, meta.schema);
  append(out, std::int64_t{meta.created.time_since_epoch().count()});
  if (meta.fresh_until) append(out, std::int64_t{meta.fresh_until->time_since_epoch().count()});
  if (meta.grace != Duration::zero()) append(out, whole_milliseconds(meta.grace));
  if (meta.version != 0) append(out, meta.version);
}

/// Reads magic, format, codec and flags, and returns the flags. Rejects unknown values, sealed entries if
/// there are no keys, and unsealed entries if there are keys.
Result<std::uint16_t> take_flags(BytesView stored, EnvelopeMeta& meta, const KeyRing* keys) {
  if (!stored.starts_with(BytesView(wire::magic.data(), wire::magic.size()))) {
    return corrupt("not an envelope: the first bytes are foreign");
  }
  Reader reader(stored.substr(wire::magic.size()));
  std::uint8_t version = 0;
  std::uint16_t flags = 0;
  if (!reader.take(version) || !reader.take(meta.codec) || !reader.take(flags)) {
    return corrupt("an envelope cut short");
  }
  if (version != wire::format_version) return incompatible("envelope format " + std::to_string(version));
  if ((flags & ~wire::known_flags) != 0) return incompatible("an envelope with unknown flags");
  const bool sealed = (flags & Flag::sealed) != 0;
  if (sealed && keys == nullptr) return incompatible("sealed, and this cache has no keys");
  if (!sealed && keys != nullptr) return incompatible("not sealed, and this cache has keys");
  return flags;
}

/// Tags and payload of an unsealed entry, if its checksum is correct.
Result<BytesView> checked_body(BytesView place, BytesView stored, std::size_t body_at) {
  if (stored.size() < body_at + wire::checksum_size) return corrupt("an envelope cut short");
  const BytesView summed = stored.substr(0, stored.size() - wire::checksum_size);
  std::uint64_t sum = 0;
  Reader(stored.substr(summed.size())).take(sum);
  if (sum != checksum(place, summed))
    return corrupt("the checksum is wrong: changed bytes or another key's value");
  return summed.substr(body_at);
}

/// The fields between the flags and the body, all of which exist.
bool take_fields(Reader from, std::uint16_t flags, EnvelopeMeta& meta) {
  std::int64_t created = 0;
  std::int64_t expiry = 0;
  std::uint64_t grace = 0;
  if (!from.take(meta.schema) || !from.take(created)) return false;
  if ((flags & Flag::has_expiry) != 0 && !from.take(expiry)) return false;
  if ((flags & Flag::has_grace) != 0 && !take_nonzero(from, grace)) return false;
  if ((flags & Flag::has_version) != 0 && !take_nonzero(from, meta.version)) return false;
  if (std::cmp_greater(grace, longest_grace.count())) return false;
  meta.created = WallTime(std::chrono::milliseconds(created));
  if ((flags & Flag::has_expiry) != 0) meta.fresh_until = WallTime(std::chrono::milliseconds(expiry));
  meta.grace = std::chrono::milliseconds(grace);
  meta.negative = (flags & Flag::negative) != 0;
  return true;
}

Result<void> check_kind(const EnvelopeMeta& meta, const std::optional<StoredKind>& expected) {
  if (!expected || meta.negative) return {};
  if (meta.codec != expected->codec) {
    return incompatible("codec " + std::to_string(meta.codec) + " where " + std::to_string(expected->codec) +
                        " is expected");
  }
  if (meta.schema != expected->schema) return incompatible("an entry of another schema");
  return {};
}

}  // namespace

Bytes wrap(std::string_view ns, std::string_view key, const EnvelopeMeta& meta, BytesView payload,
           const CompressionOptions& compression, const KeyRing* keys) {
  TERRACE_ASSERT(meta.grace >= Duration::zero());
  TERRACE_ASSERT(!meta.negative || payload.empty());
  std::uint16_t flags = flags_of(meta);
  if (keys != nullptr) flags |= Flag::sealed;
  Bytes out;
  out.reserve(body_offset(flags) + payload.size() + std::max(wire::checksum_size, seal_size));
  append_head(out, flags, meta);

  const std::size_t secret_at = keys != nullptr ? begin_seal(*keys, out) : 0;
  if (!meta.tags.empty()) append_tags(out, meta.tags);
  if (compression.enabled && payload.size() >= compression.threshold && !payload.empty() &&
      append_compressed(payload, compression.level, out)) {
    flags |= Flag::compressed;
    std::memcpy(out.data() + wire::flags_offset, &flags, sizeof(flags));
  } else {
    out += payload;
  }
  if (keys != nullptr) {
    finish_seal(*keys, place_of(ns, key), out, secret_at);
  } else {
    append(out, checksum(place_of(ns, key), out));
  }
  return out;
}

Result<Opened> open(std::string_view ns, std::string_view key, BytesView stored, const Limits& limits) {
  Opened opened;
  const Result<std::uint16_t> flags = take_flags(stored, opened.meta, limits.keys);
  if (!flags) return flags.error();
  const std::size_t body_at = body_offset(*flags);
  if (limits.keys != nullptr) {
    Result<Bytes> plain = open_seal(*limits.keys, place_of(ns, key), stored, body_at);
    if (!plain) return plain.error();
    opened.own_ = std::move(*plain);
  } else {
    const Result<BytesView> checked = checked_body(place_of(ns, key), stored, body_at);
    if (!checked) return checked.error();
    opened.view_ = *checked;
  }

  Reader body(opened.payload());
  if (!take_fields(Reader(stored.substr(wire::fields_offset)), *flags, opened.meta) ||
      ((*flags & Flag::has_tags) != 0 && !take_tags(body, opened.meta.tags))) {
    return corrupt("an envelope whose fields do not add up");
  }
  if (const Result<void> fits = check_kind(opened.meta, limits.expected); !fits) return fits.error();

  const BytesView payload = body.rest();
  if (opened.meta.negative && !payload.empty()) return corrupt("a negative entry with a payload");
  if ((*flags & Flag::compressed) != 0) {
    Result<Bytes> inflated = decompressed(payload, limits.max_payload);
    if (!inflated) return inflated.error();
    opened.own_ = std::move(*inflated);
    return opened;
  }
  if (payload.size() > limits.max_payload) {
    return corrupt("a payload of " + std::to_string(payload.size()) + " bytes; the limit is " +
                   std::to_string(limits.max_payload));
  }
  opened.skipped_ = opened.payload().size() - payload.size();
  return opened;
}

bool looks_fresh(BytesView stored, WallTime now) {
  if (!stored.starts_with(BytesView(wire::magic.data(), wire::magic.size()))) return false;
  Reader reader(stored.substr(wire::magic.size()));
  EnvelopeMeta meta;
  std::uint8_t version = 0;
  std::uint16_t flags = 0;
  if (!reader.take(version) || !reader.take(meta.codec) || !reader.take(flags)) return false;
  if (version != wire::format_version || (flags & ~wire::known_flags) != 0) return false;
  if (!take_fields(Reader(stored.substr(wire::fields_offset)), flags, meta)) return false;
  return !meta.fresh_until || now < *meta.fresh_until;
}

Bytes identity(BytesView stored) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, XXH3_128bits(stored.data(), stored.size()));
  static_assert(sizeof(bytes.digest) == identity_size);
  return {reinterpret_cast<const char*>(bytes.digest), identity_size};
}

}  // namespace terrace::envelope
