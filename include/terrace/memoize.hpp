#pragma once
/// memoize(cache, name, fn): a function that remembers its results in a cache.
///
///     auto square = terrace::memoize(cache, "square", [](int x) { return x * x; });
///     square(7);             // computed once for all concurrent callers, then read from memory or the tiers
///     square.invalidate(7);
///
/// The key is the name and the MessagePack form of the arguments, in which `1`, `"1"` and `true` differ.
/// Arguments may have any type that codec.hpp can encode; char pointers and views count as strings. A result
/// that stands for "none" (an empty std::optional returned by fn for a cache of plain values) is remembered
/// if negative_ttl is set.

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <terrace/cache.hpp>
#include <terrace/codec.hpp>
#include <tuple>
#include <type_traits>
#include <utility>

namespace terrace {
namespace detail {

/// The form of an argument in the key: decayed; text as std::string.
template <class Arg>
using KeyPart = std::conditional_t<std::convertible_to<const Arg&, std::string_view>, std::string,
                                   std::remove_cvref_t<Arg>>;

/// The argument types of a function, a function pointer, or an object with one operator().
template <class F>
struct Signature : Signature<decltype(&F::operator())> {};
template <class R, class... Args>
struct Signature<R (*)(Args...)> {
  using Key = std::tuple<KeyPart<std::decay_t<Args>>...>;

  /// Calls the function with the parts of the key.
  template <class F>
  static R apply(F& fn, const Key& key) {
    return std::apply(
        [&](const auto&... parts) -> R { return fn(as_parameter<std::decay_t<Args>>(parts)...); }, key);
  }

 private:
  template <class Parameter, class Part>
  static decltype(auto) as_parameter(const Part& part) {
    if constexpr (std::is_pointer_v<Parameter>) {
      return part.c_str();
    } else {
      return (part);
    }
  }
};
template <class R, class... Args>
struct Signature<R (*)(Args...) noexcept> : Signature<R (*)(Args...)> {};
template <class C, class R, class... Args>
struct Signature<R (C::*)(Args...)> : Signature<R (*)(Args...)> {};
template <class C, class R, class... Args>
struct Signature<R (C::*)(Args...) const> : Signature<R (*)(Args...)> {};
template <class C, class R, class... Args>
struct Signature<R (C::*)(Args...) noexcept> : Signature<R (*)(Args...)> {};
template <class C, class R, class... Args>
struct Signature<R (C::*)(Args...) const noexcept> : Signature<R (*)(Args...)> {};

}  // namespace detail

/// A function whose results are cached. Thread safe if the function is. The cache must outlive it.
template <class V, class F>
class Memoized {
 public:
  using Key = typename detail::Signature<F>::Key;

  /// Throws ConfigError for an empty name.
  Memoized(Cache<V>& cache, std::string name, F fn)
      : cache_(&cache), name_(std::move(name)), fn_(std::make_shared<F>(std::move(fn))) {
    if (name_.empty()) throw ConfigError("memoize: the name is empty; give each function one of its own");
  }

  /// Returns the remembered result, or calls the function. Throws Exception: loader_failed with the text of
  /// the function's exception; unencodable or invalid_key (more than 64 KiB) if the arguments cannot be made
  /// a key; not_found for a negative result; or another error of Cache::get_or_load.
  template <class... Args>
  V operator()(const Args&... args) const {
    return call(args...).value();
  }

  /// Like operator(), but returns an error as a result.
  template <class... Args>
  Result<V> call(const Args&... args) const {
    Key arguments(args...);
    auto made = key_of(arguments);
    if (!made) return made.error();
    // By value: the load may outlive this call if the cache limits the time of loads.
    return cache_->get_or_load(*made, [fn = fn_, arguments = std::move(arguments)] {
      return detail::Signature<F>::apply(*fn, arguments);
    });
  }

  /// Erases the result for these arguments from every level; true if a level had it.
  template <class... Args>
  Result<bool> invalidate(const Args&... args) const {
    auto made = key(args...);
    if (!made) return made.error();
    return cache_->erase(*made);
  }

  /// The key in the cache: the name, a NUL byte, and the arguments.
  template <class... Args>
  [[nodiscard]] Result<std::string> key(const Args&... args) const {
    return key_of(Key(args...));
  }

 private:
  [[nodiscard]] Result<std::string> key_of(const Key& arguments) const {
    std::string out = name_;
    out += '\0';
    const auto encoded = Codec<Key>::encode(arguments, out);
    if (!encoded) return encoded.error();
    return out;
  }

  Cache<V>* cache_;
  std::string name_;
  std::shared_ptr<F> fn_;
};

/// The program chooses the names: two functions of one cache need two different names without NUL bytes.
template <class V, class F>
Memoized<V, std::decay_t<F>> memoize(Cache<V>& cache, std::string name, F&& fn) {
  return {cache, std::move(name), std::forward<F>(fn)};
}

}  // namespace terrace
