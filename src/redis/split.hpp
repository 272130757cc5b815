#pragma once
/// Split: the transaction of a SET as single commands, one after the other, each to wherever its own key is.
/// For a slot that is moving, whose keys may lie on two nodes: Redis refuses transactions there till the move
/// ends.
///
/// The lease goes before the value is set, as in Encoding::erase. Who holds a lease can fill nothing
/// meanwhile, since his script is about several keys as well.

#include "redis/backend.hpp"

namespace terrace::redis {

/// Null: it is no transaction, and stays as it was.
[[nodiscard]] std::unique_ptr<Exchange> split_transaction(std::shared_ptr<Backend> backend,
                                                          std::unique_ptr<Exchange>& exchange);

}  // namespace terrace::redis
