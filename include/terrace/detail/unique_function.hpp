#pragma once
/// UniqueFunction: a move-only callable (like std::move_only_function of C++23).

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

namespace terrace {

template <class Signature>
class UniqueFunction;

/// Holds any movable callable; call it at most as often as that callable allows. Not thread safe. Calling an
/// empty one is undefined: check with operator bool.
template <class R, class... Args>
class UniqueFunction<R(Args...)> {
 public:
  UniqueFunction() = default;
  UniqueFunction(std::nullptr_t) {}

  template <class F>
  requires(!std::same_as<std::remove_cvref_t<F>, UniqueFunction> &&
           std::invocable<std::remove_cvref_t<F>&, Args...>) UniqueFunction(F&& f)
      : target_(std::make_unique<Holder<std::remove_cvref_t<F>>>(std::forward<F>(f))) {}

  R operator()(Args... args) { return target_->call(std::forward<Args>(args)...); }
  explicit operator bool() const noexcept { return target_ != nullptr; }

 private:
  struct Target {
    virtual ~Target() = default;
    virtual R call(Args... args) = 0;
  };
  template <class F>
  struct Holder final : Target {
    template <class G>
    explicit Holder(G&& g) : f(std::forward<G>(g)) {}
    R call(Args... args) override { return static_cast<R>(f(std::forward<Args>(args)...)); }
    F f;
  };
  std::unique_ptr<Target> target_;
};

}  // namespace terrace
