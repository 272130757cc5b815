#pragma once
/// The lease of a key as it is kept at a node: under its own key, with the version that its holder saw.

#include <optional>
#include <string>
#include <terrace/shared_tier.hpp>
#include <terrace/versioned_tier.hpp>

namespace terrace::distribution {

inline constexpr std::string_view lease_head = "\x01lease:";

/// A key that is too long for the head is replaced by a hash; two such keys may share a lease, which only
/// delays one of them.
[[nodiscard]] std::string lease_key(std::string_view key);

struct KeptLease {
  Version seen;
  Duration time;  ///< the time for which it was granted or renewed
  LeaseToken token;
};

/// Ends with the token, which identifies it.
[[nodiscard]] Bytes kept_lease(const LeaseToken& token, const Version& seen, Duration time);
/// Nothing if it is no lease.
[[nodiscard]] std::optional<KeptLease> parse_kept_lease(BytesView bytes);

}  // namespace terrace::distribution
