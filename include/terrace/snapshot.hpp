#pragma once
/// Snapshots: the content of a MemoryCache in a file, so that a program starts with a warm memory.
///
///     terrace::load_snapshot(pages, "/var/lib/shop/pages.snapshot");   // when it starts
///     terrace::save_snapshot(pages, "/var/lib/shop/pages.snapshot");   // when it ends, or from time to time
///
/// A snapshot keeps keys, values and the remaining lifetimes of each entry. The time between saving and
/// loading counts: an entry that expires meanwhile is not loaded. That time is measured by the wall clock and
/// is never less than zero. For an entry that expires after access, loading is an access. Use counts and the
/// order of use are not kept.
///
/// K and V must be encodable (codec.hpp). A file with other types, another version of terrace's format, or
/// damage is rejected before anything of it is loaded. A checksum detects damage, not tampering: the file is
/// created readable and writable only for its owner (0600), and belongs into a directory where only the
/// program can write.
///
/// Thread safe: the cache may be used meanwhile, also by other snapshots. Every entry that is in the cache
/// during the whole save is saved, in a state that it had during the save. Format: docs/snapshot-format.md.

#include <cstdint>
#include <filesystem>
#include <terrace/codec.hpp>
#include <terrace/detail/snapshot/file.hpp>
#include <terrace/memory_cache.hpp>
#include <terrace/result.hpp>

namespace terrace {

struct SnapshotReport {
  std::uint64_t entries = 0;  ///< saved or loaded
  std::uint64_t skipped = 0;  ///< in the file, but expired meanwhile, already in the cache, or rejected by it
  std::uint64_t bytes = 0;    ///< size of the file
};

/// Writes the file: first a temporary file beside it, which is synced to the disk and then renamed into its
/// place. So there is always the complete old file or the complete new one. Memory: a megabyte, or the
/// largest entry.
///
/// Errors leave the old file unchanged: io_error (the context has the system's reason; or another snapshot is
/// being written to the same file), unencodable (it names the key).
template <class K, class V, class Hash, class Equal>
Result<SnapshotReport> save_snapshot(MemoryCache<K, V, Hash, Equal>& cache,
                                     const std::filesystem::path& file) {
  snapshot::Writer writer(file, snapshot::types_of<K, V>(), cache.clock().wall_now());
  Bytes key_bytes;
  Bytes value_bytes;
  cache.for_each_with_life([&](const K& key, const V& value, const EntryOptions& left) {
    if (!writer.ok()) return;
    key_bytes.clear();
    value_bytes.clear();
    if (const auto encoded = Codec<K>::encode(key, key_bytes); !encoded)
      return writer.fail(Error(encoded.error().code, "a key: " + encoded.error().context));
    if (const auto encoded = Codec<V>::encode(value, value_bytes); !encoded)
      return writer.fail(Error(encoded.error().code,
                               "the value of " + printable_key(key_bytes) + ": " + encoded.error().context));
    writer.add(key_bytes, value_bytes, {*left.ttl, *left.expire_after_access});
  });
  const auto written = writer.finish();
  if (!written) return written.error();
  return SnapshotReport{.entries = written->entries, .bytes = written->bytes};
}

/// Puts the file's entries into the cache. An entry that the cache already has stays, because it is newer. A
/// cache that is too small evicts as usual.
///
/// Errors: not_found (no such file: usual at the first start), incompatible (not a snapshot, another version,
/// other types), corrupt (torn or damaged), io_error. Then nothing was loaded, with one exception: if bytes
/// with a correct checksum cannot be decoded, which no save_snapshot() of these types writes, the cache is
/// cleared.
template <class K, class V, class Hash, class Equal>
Result<SnapshotReport> load_snapshot(MemoryCache<K, V, Hash, Equal>& cache,
                                     const std::filesystem::path& file) {
  auto reader = snapshot::Reader::open(file, snapshot::types_of<K, V>());
  if (!reader) return reader.error();
  const Duration passed = snapshot::passed_since(reader->saved_at(), cache.clock().wall_now());
  SnapshotReport report{.bytes = reader->bytes()};
  snapshot::Record record;
  while (reader->next(record)) {
    const auto life = snapshot::left_after(passed, record.life);
    if (!life) {
      ++report.skipped;
      continue;
    }
    auto key = Codec<K>::decode(record.key);
    auto value = Codec<V>::decode(record.value);
    if (!key || !value) {
      cache.clear();
      return reader->corrupt(key ? value.error().context : key.error().context);
    }
    const bool stored = cache.insert(std::move(*key), std::move(*value),
                                     {.ttl = life->ttl, .expire_after_access = life->idle});
    ++(stored ? report.entries : report.skipped);
  }
  if (const auto ended = reader->ended(); !ended) {
    cache.clear();
    return ended.error();
  }
  return report;
}

}  // namespace terrace
