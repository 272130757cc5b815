#pragma once
/// Converts a server's error reply to an Error.

#include <string_view>
#include <terrace/result.hpp>

namespace terrace::redis {

/// `text` as the server sent it ("WRONGTYPE Operation against …"). Quoted parts of our command are cut off,
/// because they could contain a password or a value.
Error server_error(std::string_view text, std::string_view server);

/// The inner error: of a command inside a transaction that was rejected as a whole, or inside a script of
/// Redis 6.
std::string_view unwrap(std::string_view text);

}  // namespace terrace::redis
