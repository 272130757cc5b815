#pragma once
/// The lease of a key as it is kept at a node: under a key of its own, with what its holder saw.

#include <optional>
#include <string>
#include <terrace/shared_tier.hpp>
#include <terrace/versioned_tier.hpp>

namespace terrace::distribution {

inline constexpr std::string_view lease_head = "\x01lease:";

/// A key that is too long for the head is replaced by a hash; two such may share a lease, which only delays
/// one.
[[nodiscard]] std::string lease_key(std::string_view key);

struct KeptLease {
  Version seen;
  Duration time;  ///< it was granted or renewed for
  LeaseToken token;
};

/// Ends in the token, by which it is known.
[[nodiscard]] Bytes kept_lease(const LeaseToken& token, const Version& seen, Duration time);
/// Nothing for what is no lease.
[[nodiscard]] std::optional<KeptLease> parse_kept_lease(BytesView bytes);

}  // namespace terrace::distribution
