#include "distribution/kept_lease.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace terrace::distribution {
namespace {

/// All processes that share nodes have the same byte order.
struct Layout {
  std::uint64_t counter, writer, order;
  std::int64_t time_ns;
  char token[16];
};
static_assert(sizeof(Layout) == 48 && std::tuple_size_v<LeaseToken> == 16);

}  // namespace

std::string lease_key(std::string_view key) {
  std::string kept(lease_head);
  if (key.size() + kept.size() <= max_key_size) return kept.append(key);
  const auto hash = XXH3_128bits(key.data(), key.size());
  return kept + std::to_string(hash.high64) + ":" + std::to_string(hash.low64);
}

Bytes kept_lease(const LeaseToken& token, const Version& seen, Duration time) {
  Layout layout{seen.counter, seen.writer, seen.order, time.count(), {}};
  std::copy(token.begin(), token.end(), layout.token);
  Bytes bytes(sizeof layout, '\0');
  std::memcpy(bytes.data(), &layout, sizeof layout);
  return bytes;
}

std::optional<KeptLease> parse_kept_lease(BytesView bytes) {
  Layout layout;
  if (bytes.size() != sizeof layout) return std::nullopt;
  std::memcpy(&layout, bytes.data(), sizeof layout);
  KeptLease lease{{layout.counter, layout.writer, layout.order}, Duration(layout.time_ns), {}};
  std::copy(std::begin(layout.token), std::end(layout.token), lease.token.begin());
  return lease;
}

}  // namespace terrace::distribution
