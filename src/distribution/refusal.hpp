#pragma once
/// Checks that a tier made of tiers does itself, before any node is asked; and the way back of the other
/// outcomes to their positions.

#include <optional>
#include <terrace/tier.hpp>
#include <type_traits>
#include <vector>

namespace terrace::distribution {

std::optional<Error> bad_key(std::string_view key);
std::optional<Error> bad_ttl(std::optional<Duration> ttl);
std::optional<Error> late(TimePoint deadline, TimePoint now);

/// The accepted items of a bulk operation. `T` is the type of an outcome's value.
template <class Item, class T>
class Accepted {
 public:
  template <class Refusal>
  Accepted(const std::vector<Item>& all, Refusal refusal) : outcomes_(all.size()) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (auto why = refusal(all[i])) {
        outcomes_[i] = std::move(*why);
      } else {
        items_.push_back(all[i]);
        positions_.push_back(i);
      }
    }
  }

  /// Valid as long as the given data.
  [[nodiscard]] const std::vector<Item>& items() const noexcept { return items_; }

  /// All outcomes; those of the accepted items are converted by `convert`.
  template <class U, class Convert>
  std::vector<Result<T>> merge(std::vector<Result<U>> told, Convert convert) {
    for (std::size_t i = 0; i < told.size(); ++i) {
      auto& outcome = outcomes_[positions_[i]];
      if (!told[i]) {
        outcome = std::move(told[i]).error();
      } else if constexpr (std::is_void_v<T>) {
        outcome = {};
      } else {
        outcome = convert(std::move(*told[i]));
      }
    }
    return std::move(outcomes_);
  }

 private:
  std::vector<Result<T>> outcomes_;
  std::vector<Item> items_;
  std::vector<std::size_t> positions_;
};

}  // namespace terrace::distribution
