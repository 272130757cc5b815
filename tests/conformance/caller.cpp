#include "conformance/ask.hpp"
#include "conformance/tier_conformance.hpp"

namespace terrace::conformance {

Result<Found> Caller::get(std::string_view key, TimePoint deadline) const {
  return ask<Result<Found>>([&](auto done) { tier_->get(key, deadline, std::move(done)); });
}
Result<void> Caller::set(std::string_view key, BytesView value, std::optional<Duration> ttl,
                         TimePoint deadline) const {
  return ask<Result<void>>([&](auto done) { tier_->set(key, value, ttl, deadline, std::move(done)); });
}
Result<bool> Caller::erase(std::string_view key, TimePoint deadline) const {
  return ask<Result<bool>>([&](auto done) { tier_->erase(key, deadline, std::move(done)); });
}
std::vector<Result<Found>> Caller::get_many(std::vector<std::string_view> keys, TimePoint deadline) const {
  return ask<std::vector<Result<Found>>>(
      [&](auto done) { tier_->get_many(std::move(keys), deadline, std::move(done)); });
}
std::vector<Result<void>> Caller::set_many(std::vector<TierWrite> writes, TimePoint deadline) const {
  return ask<std::vector<Result<void>>>(
      [&](auto done) { tier_->set_many(std::move(writes), deadline, std::move(done)); });
}
std::vector<Result<bool>> Caller::erase_many(std::vector<std::string_view> keys, TimePoint deadline) const {
  return ask<std::vector<Result<bool>>>(
      [&](auto done) { tier_->erase_many(std::move(keys), deadline, std::move(done)); });
}
Result<std::uint64_t> Caller::erase_prefix(std::string_view prefix, TimePoint deadline) const {
  return ask<Result<std::uint64_t>>(
      [&](auto done) { tier_->erase_prefix(prefix, deadline, std::move(done)); });
}

}  // namespace terrace::conformance
