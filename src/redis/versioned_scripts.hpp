#pragma once
/// The scripts of a node of a replicated tier, and the form in which its server keeps versions: 20 digits of
/// the counter, 20 digits of the order, 16 hex digits of the writer, so that texts compare like versions. The
/// 20 digits stored for TierWrite::version are the counter of a version whose other parts are 0.

#include <terrace/versioned_tier.hpp>

#include "redis/scripts.hpp"

namespace terrace::redis {

[[nodiscard]] std::string version_text(const Version& version);
/// Nothing: it is no version, or above Version::highest_counter.
[[nodiscard]] std::optional<Version> parse_version(std::string_view text);

const Script& read_copy_script();
const Script& read_version_script();
const Script& write_copy_script();
const Script& scan_script();
const Script& membership_script();
const Script& take_charge_script();
const Script& keep_charge_script();
const Script& purge_script();
const Script& admit_script();

}  // namespace terrace::redis
