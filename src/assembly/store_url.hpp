#pragma once
/// The URL of one store: a server, a cluster or a file.

#include "assembly/schemes.hpp"

namespace terrace::assembly {

/// The URL begins with the scheme. Throws ConfigError; never shows text that may be part of a password, even
/// at a place where no password belongs.
TierUrl read_store(const Scheme& scheme, std::string_view url, const std::string& where);

/// True if a query may follow such a URL and belong to it.
bool takes_query(std::string_view url) noexcept;

}  // namespace terrace::assembly
