#pragma once
/// Loaders: the callables a program may pass, made into cascade::Loader.

#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <terrace/detail/cascade/engine.hpp>
#include <terrace/load.hpp>
#include <type_traits>
#include <utility>
#include <vector>

namespace terrace {

namespace cascade {

template <class V>
Loaded loaded(std::optional<V> value, std::optional<Duration> ttl = {}, std::vector<std::string> tags = {}) {
  Loaded out{.ttl = ttl, .tags = std::move(tags)};
  if (ttl && *ttl <= Duration::zero()) {  // it has expired already, as with "Cache-Control: max-age=0"
    out.ttl.reset();
    out.keep = false;
  }
  if (value) out.value = ValuePtr(std::make_shared<const V>(std::move(*value)));
  return out;
}

/// Any of the forms a loader may return.
template <class V, class R>
Loaded as_loaded(R&& returned) {
  using Form = std::remove_cvref_t<R>;
  if constexpr (std::same_as<Form, Load<V>>) {
    Loaded out = loaded<V>(std::forward<R>(returned).value, returned.ttl, returned.tags);
    out.not_modified = returned.not_modified;
    out.keep = out.keep && returned.keep;
    return out;
  } else if constexpr (std::same_as<Form, Result<V>>) {
    if (returned.has_value()) return loaded<V>(*std::forward<R>(returned));
    if (returned.error() == Errc::not_found) return loaded<V>(std::nullopt);
    return {.value = returned.error()};
  } else {
    static_assert(std::convertible_to<R, std::optional<V>>,
                  "a loader returns V, std::optional<V>, terrace::Result<V> or terrace::Load<V>");
    return loaded<V>(std::optional<V>(std::forward<R>(returned)));
  }
}

/// Runs foreign code; its exception becomes loader_failed with its text, and the error's cause.
template <class Call>
auto guarded(Call&& call, Loaded& failure) -> std::optional<decltype(call())> {
  const auto fail = [&](const char* what) {
    Error error(Errc::loader_failed, what);
    error.cause = std::current_exception();
    failure.value = std::move(error);
  };
  try {
    return call();
  } catch (const std::exception& thrown) {
    fail(thrown.what());
  } catch (...) {
    fail("threw something that is no std::exception");
  }
  return std::nullopt;
}

/// Calls a loader of one key in whichever form it has.
template <class V, class Fn>
decltype(auto) call_loader(Fn& fn, std::string_view key, const LoadContext<V>& context) {
  if constexpr (std::invocable<Fn&, std::string_view, const LoadContext<V>&>) {
    return fn(key, context);
  } else if constexpr (std::invocable<Fn&, std::string_view>) {
    return fn(key);
  } else {
    static_assert(std::invocable<Fn&>,
                  "a loader takes nothing, a std::string_view (the key), or that and a LoadContext<V>");
    return fn();
  }
}

template <class V, class Fn>
class LoaderOf final : public Loader {
 public:
  explicit LoaderOf(Fn fn) : fn_(std::move(fn)) {}

  void load(const LoadRequest& request, Handler<std::vector<Loaded>> done) override {
    std::vector<Loaded> outcomes;
    for (std::size_t i = 0; i < request.keys.size(); ++i) {
      const LoadContext<V> context{request.stop, static_cast<const V*>(request.previous[i].get())};
      Loaded failure;
      auto outcome =
          guarded([&] { return as_loaded<V>(call_loader<V>(fn_, request.keys[i], context)); }, failure);
      outcomes.push_back(outcome ? std::move(*outcome) : std::move(failure));
    }
    done(std::move(outcomes));
  }

 private:
  Fn fn_;
};

template <class V, class Fn>
class BulkLoaderOf final : public Loader {
 public:
  explicit BulkLoaderOf(Fn fn) : fn_(std::move(fn)) {}

  void load(const LoadRequest& request, Handler<std::vector<Loaded>> done) override {
    Loaded failure;
    auto outcomes = guarded([&] { return sorted(request.keys, call(request)); }, failure);
    done(outcomes ? std::move(*outcomes) : std::vector<Loaded>(request.keys.size(), failure));
  }

 private:
  decltype(auto) call(const LoadRequest& request) {
    if constexpr (std::invocable<Fn&, const std::vector<std::string>&, std::stop_token>) {
      return fn_(request.keys, request.stop);
    } else {
      return fn_(request.keys);
    }
  }

  template <class Returned>
  static std::vector<Loaded> sorted(const std::vector<std::string>& keys, Returned&& returned) {
    std::vector<Loaded> outcomes;
    if constexpr (requires { returned.find(keys.front()); }) {
      for (const std::string& key : keys) {
        const auto found = returned.find(key);
        outcomes.push_back(found == returned.end() ? loaded<V>(std::nullopt) : as_loaded<V>(found->second));
      }
    } else {
      if (returned.size() != keys.size()) {
        const Error error(Errc::loader_failed, "the bulk loader returned " + std::to_string(returned.size()) +
                                                   " values for " + std::to_string(keys.size()) + " keys");
        return std::vector<Loaded>(keys.size(), {.value = error});
      }
      for (auto& value : returned) outcomes.push_back(as_loaded<V>(std::move(value)));
    }
    return outcomes;
  }

  Fn fn_;
};

template <class V, class Fn>
std::shared_ptr<Loader> make_loader(Fn&& fn) {
  if constexpr (std::convertible_to<Fn, std::shared_ptr<Loader>>) {
    return std::forward<Fn>(fn);
  } else {
    return std::make_shared<LoaderOf<V, std::decay_t<Fn>>>(std::forward<Fn>(fn));
  }
}

template <class V, class Fn>
std::shared_ptr<Loader> make_bulk_loader(Fn&& fn) {
  return std::make_shared<BulkLoaderOf<V, std::decay_t<Fn>>>(std::forward<Fn>(fn));
}

}  // namespace cascade
}  // namespace terrace
