#pragma once
/// Write mode back over the tiers (write_back_tiers.cpp): changes that are acknowledged by the journal, and
/// reads of changes that have not reached the tiers yet.

#include "cascade/core.hpp"

namespace terrace::cascade {

/// Opens the journal; from then on its changes flow to the tiers. Throws ConfigError.
void start_write_back(const std::shared_ptr<Core>& core);
/// Sets or erases a key: done when the change is in the journal.
void set_in_journal(const std::shared_ptr<Core>& core, const std::string& key, Entry entry, Bytes stored,
                    Handler<Result<void>> done);
void erase_in_journal(const std::shared_ptr<Core>& core, const std::string& key, Handler<Result<bool>> done);

/// What the journal has of a key. Its change is newer than what any tier has: with `value` it is the answer,
/// and with `erased` (erased, expired, or its tag invalidated) no tier is asked.
enum class Journalled : std::uint8_t { nothing, erased, value };
/// `entry`: gets the value, unless null.
Journalled journalled(Core& core, const std::string& key, Entry* entry = nullptr);

}  // namespace terrace::cascade
