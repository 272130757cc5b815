#pragma once
/// Converts a server's error reply to an Error.

#include <string>
#include <string_view>
#include <terrace/result.hpp>

namespace terrace::redis {

/// `text` as the server sent it ("WRONGTYPE Operation against …"). Quoted parts of our command are cut off,
/// because they could contain a password or a value.
Error server_error(std::string_view text, std::string_view server);

/// Text of a server for a message: one line of printable ASCII, at most 200 characters.
[[nodiscard]] std::string harmless(std::string_view text);

/// The inner error: of a command inside a transaction that was rejected as a whole, or inside a script of
/// Redis 6.
std::string_view unwrap(std::string_view text);

}  // namespace terrace::redis
