#include "journal/format.hpp"

#include <xxhash.h>

#include "base/words.hpp"

namespace terrace::journal {
namespace {

/// No UTF-8 text begins with C1; a changed line end shows that the file was transferred as text.
constexpr BytesView magic("\xc1TRCJNL\n", 8);
constexpr std::uint16_t format_version = 1;

enum class Kind : std::uint8_t { set = 1, erase = 2, done = 3, dead_set = 4, dead_erase = 5 };
enum Flag : std::uint8_t { has_expiry = 1 << 0, sealed = 1 << 1 };
constexpr std::uint8_t known_flags = has_expiry | sealed;
constexpr std::size_t kind_and_flags = 2;

std::uint64_t checksum(BytesView bytes, std::uint64_t seed) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Error corrupt(std::string why) {
  return Error(Errc::corrupt, std::move(why));
}

Bytes context_of(std::uint64_t id, std::uint64_t sequence, BytesView kind) {
  Bytes context;
  append(context, id);
  append(context, sequence);
  context += kind;
  return context;
}

/// Writes the record around a payload that `fill` appends.
template <class Fill>
void frame(Bytes& out, std::uint64_t id, std::uint64_t sequence, Fill fill) {
  const std::size_t at = out.size();
  out.append(record_header_size, '\0');
  fill();
  const BytesView payload = BytesView(out).substr(at + record_header_size);
  Bytes header;
  append(header, static_cast<std::uint32_t>(payload.size()));
  append(header, sequence);
  append(header, checksum(payload, id));
  Bytes check;
  append(check, static_cast<std::uint32_t>(checksum(header, id)));
  out.replace(at, record_header_size, check + header);
}

void append_change(Bytes& out, const Change& change) {
  if (change.expires) append(out, std::int64_t{change.expires->time_since_epoch().count()});
  append(out, static_cast<std::uint32_t>(change.key.size()));
  out += change.key;
  out += change.stored;
}

/// A record of kind, flags and a body, which is sealed if there are keys.
template <class Body>
void append_sealed(Bytes& out, std::uint64_t id, Kind kind, const Change& change, const Sealing& sealing,
                   Body body) {
  frame(out, id, change.version, [&] {
    const auto flags =
        static_cast<std::uint8_t>((change.expires ? Flag::has_expiry : 0) | (sealing ? Flag::sealed : 0));
    const std::size_t at = out.size();
    append(out, static_cast<std::uint8_t>(kind));
    append(out, flags);
    if (!sealing) return body(out);
    Bytes plain;
    body(plain);
    out += sealing.seal(context_of(id, change.version, BytesView(out).substr(at, kind_and_flags)), plain);
  });
}

/// What stands at an offset.
struct Place {
  RecordView record = {};     // with its payload, if the head is correct
  bool head_correct = false;  // and all bytes that it announces are there
  bool correct = false;
};

Place look_at(BytesView file, std::size_t offset, std::uint64_t id) {
  Reader reader(file.substr(offset));
  std::uint32_t check = 0, size = 0;
  Place place{.record = {.offset = offset}};
  std::uint64_t sum = 0;
  if (file.size() - offset < record_header_size) return place;
  reader.take(check);
  if (check != static_cast<std::uint32_t>(checksum(file.substr(offset + 4, record_header_size - 4), id)))
    return place;
  reader.take(size), reader.take(place.record.sequence), reader.take(sum);
  place.head_correct = reader.take(size, place.record.payload);
  place.correct = place.head_correct && sum == checksum(place.record.payload, id);
  return place;
}

/// The remainder of a write that was cut short: less than a header, or a correct header with too few bytes
/// behind it.
bool is_cut_short(BytesView rest, std::uint64_t id) {
  if (rest.size() < record_header_size || rest.find_first_not_of('\0') == BytesView::npos) return true;
  std::uint32_t check = 0, size = 0;
  Reader reader(rest);
  reader.take(check), reader.take(size);
  return check == static_cast<std::uint32_t>(checksum(rest.substr(4, record_header_size - 4), id)) &&
         size > rest.size() - record_header_size;
}

Result<Content> decode_done(Reader from) {
  Done done;
  if (!from.take(done.watermark)) return corrupt("a mark cut short");
  while (!from.rest().empty()) {
    std::pair<std::uint64_t, std::uint64_t> range;
    if (!from.take(range.first) || !from.take(range.second) || range.first > range.second)
      return corrupt("a mark whose ranges do not add up");
    done.ranges.push_back(range);
  }
  return Content(std::move(done));
}

Result<Content> decode_change(Reader from, Kind kind, bool expires, std::uint64_t sequence) {
  DeadLetter letter;
  letter.change.version = sequence;
  const bool dead = kind == Kind::dead_set || kind == Kind::dead_erase;
  std::uint32_t size = 0;
  BytesView bytes;
  if (dead) {
    if (!from.take(size) || !from.take(size, bytes)) return corrupt("a dead letter cut short");
    letter.reason = bytes;
  }
  Change& change = letter.change;
  if (expires) {
    std::int64_t at = 0;
    if (!from.take(at)) return corrupt("a change cut short");
    change.expires = WallTime(std::chrono::milliseconds(at));
  }
  if (!from.take(size) || !from.take(size, bytes) || bytes.empty() || bytes.size() > max_key_size)
    return corrupt("a change without a key");
  change.key = bytes;
  change.stored = from.rest();
  change.erased = kind == Kind::erase || kind == Kind::dead_erase;
  if (change.erased && !change.stored.empty()) return corrupt("an erase with a value");
  if (dead) return Content(std::move(letter));
  return Content(std::move(change));
}

}  // namespace

Bytes encode(const FileHeader& header) {
  Bytes out(magic);
  append(out, format_version);
  append(out, static_cast<std::uint16_t>(header.kind));
  append(out, std::uint32_t{0});
  append(out, header.id);
  append(out, header.first);
  append(out, header.follows);
  append(out, header.watermark);
  append(out, checksum(out, 0));
  return out;
}

Result<FileHeader> decode_header(BytesView file) {
  if (file.size() < header_size) return corrupt("a file header cut short");
  FileHeader header;
  std::uint16_t version = 0, kind = 0;
  std::uint32_t reserved = 0;
  std::uint64_t sum = 0;
  Reader reader(file.substr(magic.size(), header_size - magic.size()));
  reader.take(version), reader.take(kind), reader.take(reserved), reader.take(header.id);
  reader.take(header.first), reader.take(header.follows), reader.take(header.watermark), reader.take(sum);
  if (!file.starts_with(magic) || sum != checksum(file.substr(0, header_size - sizeof sum), 0))
    return corrupt("the file header is damaged");
  if (version != format_version || reserved != 0 || kind < 1 || kind > 2)
    return Error(Errc::incompatible, "journal format " + std::to_string(version));
  header.kind = static_cast<FileKind>(kind);
  return header;
}

void append_record(Bytes& out, std::uint64_t id, const Change& change, const Sealing& sealing) {
  append_sealed(out, id, change.erased ? Kind::erase : Kind::set, change, sealing,
                [&](Bytes& body) { append_change(body, change); });
}

void append_record(Bytes& out, std::uint64_t id, std::uint64_t sequence, const Done& done) {
  frame(out, id, sequence, [&] {
    append(out, static_cast<std::uint8_t>(Kind::done));
    append(out, std::uint8_t{0});
    append(out, done.watermark);
    for (const auto& [first, last] : done.ranges) append(out, first), append(out, last);
  });
}

void append_record(Bytes& out, std::uint64_t id, const DeadLetter& letter, const Sealing& sealing) {
  const Change& change = letter.change;
  append_sealed(out, id, change.erased ? Kind::dead_erase : Kind::dead_set, change, sealing,
                [&](Bytes& body) {
                  append(body, static_cast<std::uint32_t>(letter.reason.size()));
                  body += letter.reason;
                  append_change(body, change);
                });
}

Result<Content> decode(const RecordView& record, std::uint64_t id, const Sealing& sealing) {
  std::uint8_t kind = 0, flags = 0;
  Reader reader(record.payload);
  if (!reader.take(kind) || !reader.take(flags)) return corrupt("a record without a kind");
  if (kind < 1 || kind > 5 || (flags & ~known_flags) != 0) return corrupt("a record of an unknown kind");
  if (static_cast<Kind>(kind) == Kind::done) return decode_done(reader);
  const bool expires = (flags & Flag::has_expiry) != 0;
  if ((flags & Flag::sealed) == 0 && sealing) return Error(Errc::incompatible, "the record is not sealed");
  if ((flags & Flag::sealed) == 0)
    return decode_change(reader, static_cast<Kind>(kind), expires, record.sequence);
  if (!sealing) return Error(Errc::denied, "the record is sealed, and there are no keys");
  const Result<Bytes> opened =
      sealing.open(context_of(id, record.sequence, record.payload.substr(0, kind_and_flags)), reader.rest());
  if (!opened) return opened.error();
  return decode_change(Reader(*opened), static_cast<Kind>(kind), expires, record.sequence);
}

bool is_sealed(const RecordView& record) noexcept {
  return record.payload.size() >= kind_and_flags && (record.payload[1] & Flag::sealed) != 0;
}

Scan scan(BytesView file, std::size_t begin, std::uint64_t id, FileKind kind, std::uint64_t first) {
  Scan found;
  std::uint64_t least = first;
  std::size_t sound = std::min(begin, file.size());  // everything before is accounted for
  // Records are searched inside a damaged one, too: its head may be wrong by chance. A file that was made to have
  // many such heads would be read over and over, so then the search goes on behind a damaged record.
  std::size_t may_read_twice = 4 * file.size();
  for (std::size_t at = sound; at < file.size();) {
    const Place place = look_at(file, at, id);
    const RecordView* const record = &place.record;
    if (!place.correct || (kind == FileKind::segment && record->sequence < least)) {
      const std::size_t size = place.head_correct ? record->payload.size() : 0;
      const bool skip = size > may_read_twice;
      may_read_twice -= skip ? 0 : size;
      at = skip ? record->end() : at + 1;
      continue;
    }
    if (at > sound) found.damaged.push_back({sound, at - sound});
    least = record->sequence + 1;
    sound = at = record->end();
    found.records.push_back(*record);
  }
  if (sound < file.size()) {
    const Stretch rest{sound, file.size() - sound};
    if (is_cut_short(file.substr(sound), id)) {
      found.torn = rest;
    } else {
      found.damaged.push_back(rest);
    }
  }
  return found;
}

}  // namespace terrace::journal
