#pragma once
/// The URL of one store: a server, a cluster or a file.

#include "assembly/schemes.hpp"

namespace terrace::assembly {

/// The URL begins with the scheme. Throws ConfigError; never shows what may be part of a password, also when
/// it stands where none should be.
TierUrl read_store(const Scheme& scheme, std::string_view url, const std::string& where);

/// True when a query may follow such a URL, and belong to it.
bool takes_query(std::string_view url) noexcept;

}  // namespace terrace::assembly
