#pragma once
/// Failures: which tiers did not do what was asked of all of them, for one change.

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
  /// `what` was done elsewhere: "erased", "written".
  [[nodiscard]] Error error(std::string_view what) const {
    return {Errc::partial_write, std::string(what) + " everywhere but in " + text_};
  }

 private:
  std::string text_;
};

}  // namespace terrace::cascade
