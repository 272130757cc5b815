#pragma once
/// Split: sends the transaction of a SET as single commands, one after the other, each to the node of its own
/// key. For a slot that is moving, whose keys may be on two nodes: Redis rejects transactions there until the
/// move ends.
///
/// The lease is removed before the value is set, as in Encoding::erase. The holder of a lease can fill
/// nothing meanwhile, because its script also uses several keys.

#include "redis/backend.hpp"

namespace terrace::redis {

/// Null: it is no transaction, and is unchanged.
[[nodiscard]] std::unique_ptr<Exchange> split_transaction(std::shared_ptr<Backend> backend,
                                                          std::unique_ptr<Exchange>& exchange);

}  // namespace terrace::redis
