#pragma once
/// Failures: the tiers where one change failed, as the text of an error.

#include <string>
#include <string_view>
#include <terrace/result.hpp>

namespace terrace::cascade {

class Failures {
 public:
  void add(const std::string& level, const Error& error) {
    text_ += (text_.empty() ? "" : "; ") + level + ": " + error.message();
  }
  [[nodiscard]] bool none() const noexcept { return text_.empty(); }
  /// `what`: the change, as it was done in the other tiers: "stored", "erased", "invalidated".
  [[nodiscard]] Error error(std::string_view what) const {
    return {Errc::partial_write, std::string(what) + " everywhere but in " + text_};
  }

 private:
  std::string text_;
};

}  // namespace terrace::cascade
