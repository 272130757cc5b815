#pragma once
/// Writing: set and erase (write.cpp), atomic operations (atomic.hpp), invalidation (invalidate.cpp), and the retries for changes that a tier
/// has missed (recover.cpp). Write mode back: write_back_tiers.hpp.

#include "cascade/core.hpp"

namespace terrace::cascade {

/// One call of Engine::write.
void start_write(std::shared_ptr<Core> core, std::vector<Write> writes, const WriteOptions& options,
                 Handler<std::vector<Result<void>>> done);
/// One call of Engine::erase; also the hard invalidation of keys.
void start_erase(std::shared_ptr<Core> core, std::vector<std::string> keys, std::optional<Duration> timeout,
                 Handler<std::vector<Result<bool>>> done);
void start_clear(std::shared_ptr<Core> core, const WriteOptions& options, Handler<Result<void>> done);
void start_invalidate(std::shared_ptr<Core> core, Invalidation what, const InvalidateOptions& options,
                      Handler<Result<std::uint64_t>> done);

/// A tier did not take the change of a key. The key is erased there as soon as that works; until then the
/// tier is not asked for it (recovery.hpp).
void recover(const std::shared_ptr<Core>& core, std::size_t tier, const std::string& tier_key,
             std::uint64_t ticket);
/// A tier did not do a bulk delete of these keys. It is repeated there as soon as that works; until then the
/// tier is not asked for one of them.
void recover(const std::shared_ptr<Core>& core, std::size_t tier, const KeySelection& keys);

}  // namespace terrace::cascade
