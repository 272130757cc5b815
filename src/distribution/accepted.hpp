#pragma once
/// Accepted: the items of a bulk operation that pass the checks, and how their outcomes come back to their places.

#include <optional>
#include <terrace/tier.hpp>
#include <type_traits>
#include <vector>

namespace terrace::distribution {

/// The items of a bulk operation that are accepted. `T` is what an outcome holds.
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
