#pragma once
/// What a server's error reply means, as an Error.

#include <string_view>
#include <terrace/result.hpp>

namespace terrace::redis {

/// `text` as the server sent it ("WRONGTYPE Operation against …"). What it quotes of our command is cut off:
/// it could be a password or a value.
Error server_error(std::string_view text, std::string_view server);

/// The reply itself: what a command failed with inside a transaction that was refused as a whole, or inside a
/// script of Redis 6.
std::string_view unwrap(std::string_view text);

}  // namespace terrace::redis
