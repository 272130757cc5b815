#pragma once
/// The asynchronous forms of the calls of Cache<V>. They take any Asio completion token: a callback,
/// use_future, use_awaitable, deferred, …
///
///     auto user = co_await terrace::async_get_or_load(users, "42", load_user, asio::use_awaitable);
///     if (user) greet(*user);
///
/// They start the same operations that the blocking calls wait for. The handler runs through its associated
/// executor, never inside the initiating call. The cache must live until the handler has run. A loader may
/// also be asynchronous: a callable that returns boost::asio::awaitable<T>, with T as for Cache::get_or_load.
/// It is spawned on the handler's executor.

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/system_executor.hpp>
#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <terrace/cache.hpp>
#include <terrace/detail/load_mark.hpp>
#include <type_traits>
#include <utility>
#include <vector>

namespace terrace {
namespace detail {

/// Calls a completion handler on its executor, and keeps that executor from running out of work until then. A
/// handler without an executor is called on the I/O thread. Never calls it inside the initiating call.
template <class Handler, class T>
class Completion {
 public:
  Completion(Handler handler, Scheduler& scheduler)
      : work_(
            boost::asio::prefer(boost::asio::get_associated_executor(handler, boost::asio::system_executor()),
                                boost::asio::execution::outstanding_work.tracked)),
        handler_(std::move(handler)),
        scheduler_(&scheduler) {}

  void operator()(T outcome) {
    auto work = std::move(work_);
    auto call = [handler = std::move(handler_), outcome = std::move(outcome)]() mutable {
      std::move(handler)(std::move(outcome));
    };
    if (!*initiating_) {
      boost::asio::dispatch(work, std::move(call));
    } else if constexpr (std::same_as<
                             boost::asio::associated_executor_t<Handler, boost::asio::system_executor>,
                             boost::asio::system_executor>) {
      scheduler_->post(std::move(call));
    } else {
      boost::asio::post(work, std::move(call));
    }
  }

  [[nodiscard]] const auto& executor() const noexcept { return work_; }
  [[nodiscard]] std::shared_ptr<std::atomic<bool>> initiating() const noexcept { return initiating_; }

 private:
  using Executor = std::decay_t<
      boost::asio::prefer_result_t<boost::asio::associated_executor_t<Handler, boost::asio::system_executor>,
                                   boost::asio::execution::outstanding_work_t::tracked_t>>;
  Executor work_;
  Handler handler_;
  Scheduler* scheduler_;
  std::shared_ptr<std::atomic<bool>> initiating_ = std::make_shared<std::atomic<bool>>(true);
};

/// Starts an operation whose handler takes one T. `start(Completion)` must call the completion exactly once.
template <class T, class Token, class Start>
auto initiate(Scheduler& scheduler, Token&& token, Start start) {
  return boost::asio::async_initiate<Token, void(T)>(
      [&scheduler](auto handler, Start begin) {
        Completion<decltype(handler), T> done(std::move(handler), scheduler);
        const auto initiating = done.initiating();
        begin(std::move(done));
        *initiating = false;
      },
      token, std::move(start));
}

template <class T>
inline constexpr bool is_awaitable = false;
template <class T, class Executor>
inline constexpr bool is_awaitable<boost::asio::awaitable<T, Executor>> = true;

/// An executor that runs its tasks as part of a load (load_mark.hpp) until its loader has ended.
template <class Inner>
class LoaderExecutor {
 public:
  LoaderExecutor(Inner inner, RunningLoadPtr load) : inner_(std::move(inner)), load_(std::move(load)) {}
  bool operator==(const LoaderExecutor&) const noexcept = default;

  template <class Function>
  void execute(Function&& function) const {
    std::decay_t<Function> task(std::forward<Function>(function));
    inner_.execute([load = load_, task = std::move(task)]() mutable {
      const LoadMark mark(std::move(load));
      std::move(task)();
    });
  }

  template <class Property>
  auto query(const Property& property) const
      -> decltype(boost::asio::query(std::declval<const Inner&>(), property)) {
    return boost::asio::query(inner_, property);
  }
  template <class Property>
  auto require(const Property& property) const -> LoaderExecutor<
      std::decay_t<decltype(boost::asio::require(std::declval<const Inner&>(), property))>> {
    return {boost::asio::require(inner_, property), load_};
  }
  template <class Property>
  auto prefer(const Property& property) const
      -> LoaderExecutor<std::decay_t<decltype(boost::asio::prefer(std::declval<const Inner&>(), property))>> {
    return {boost::asio::prefer(inner_, property), load_};
  }

 private:
  Inner inner_;
  RunningLoadPtr load_;
};

/// A loader that is a coroutine. It loads one key, because async_get_or_load asks for one.
template <class V, class Fn, class Executor>
class AwaitedLoader final : public cascade::Loader {
 public:
  AwaitedLoader(Fn fn, Executor executor) : fn_(std::move(fn)), executor_(std::move(executor)) {}

  [[nodiscard]] bool blocks() const noexcept override { return false; }

  void load(const cascade::LoadRequest& request, Handler<std::vector<cascade::Loaded>> done) override {
    boost::asio::co_spawn(
        as_loader(),
        [fn = fn_, key = request.keys.front(), previous = request.previous.front(), stop = request.stop] {
          return call(fn, key, previous, stop);
        },
        [done = std::move(done)](std::exception_ptr thrown, auto returned) mutable {
          cascade::Loaded failure;
          auto outcome = cascade::guarded(
              [&] {
                if (thrown) std::rethrow_exception(thrown);
                return cascade::as_loaded<V>(std::move(*returned));
              },
              failure);
          std::vector<cascade::Loaded> outcomes;
          outcomes.push_back(outcome ? std::move(*outcome) : std::move(failure));
          done(std::move(outcomes));
        });
  }

 private:
  using Awaited = decltype(cascade::call_loader<V>(std::declval<Fn&>(), std::string_view(),
                                                   std::declval<const LoadContext<V>&>()));

  /// The executor. It marks the coroutine as a loader if the executor's type can hold a wrapper that does so.
  [[nodiscard]] Executor as_loader() const {
    if constexpr (std::same_as<Executor, boost::asio::any_io_executor>) {
      return LoaderExecutor<Executor>(executor_, LoadMark::load());
    } else {
      return executor_;
    }
  }

  /// Keeps the callable and its arguments alive as long as the coroutine that refers to them.
  static auto call(Fn fn, std::string key, cascade::ValuePtr previous, std::stop_token stop)
      -> boost::asio::awaitable<std::optional<typename Awaited::value_type>> {
    const LoadContext<V> context{stop, static_cast<const V*>(previous.get())};
    co_return std::optional(co_await cascade::call_loader<V>(fn, key, context));
  }

  Fn fn_;
  Executor executor_;
};

template <class V, class Fn, class Executor>
std::shared_ptr<cascade::Loader> make_async_loader(Fn&& fn, const Executor& executor) {
  using F = std::decay_t<Fn>;
  constexpr bool awaits = is_awaitable<decltype(cascade::call_loader<V>(
      std::declval<F&>(), std::string_view(), std::declval<const LoadContext<V>&>()))>;
  if constexpr (awaits) {
    return std::make_shared<AwaitedLoader<V, F, Executor>>(std::forward<Fn>(fn), executor);
  } else {
    return cascade::make_loader<V>(std::forward<Fn>(fn));
  }
}

template <class V, class Done>
void read_one(Cache<V>& cache, const std::string& key, std::shared_ptr<cascade::Loader> loader,
              const ReadOptions& options, Done done) {
  detail::CacheAccess::engine(cache).read(
      {key}, std::move(loader), options,
      [&cache, done = std::move(done)](std::vector<cascade::Answer> answers) mutable {
        done(detail::CacheAccess::typed(cache, std::move(answers.front())));
      });
}

template <class V, class LoaderFn, class Executor, class Done>
void lookup_or_load(Cache<V>& cache, const std::string& key, LoaderFn loader, const Executor& executor,
                    const ReadOptions& options, Done done) {
  bool refresh = false;
  auto found = CacheAccess::in_memory(cache, key, &refresh);
  if (found && !refresh) return done(std::move(*found));
  auto source = make_async_loader<V>(std::move(loader), executor);
  if (!found) return read_one(cache, key, std::move(source), options, std::move(done));
  CacheAccess::engine(cache).refresh(key, std::move(source), options);
  done(std::move(*found));
}

template <class V, class Token>
auto invalidate(Cache<V>& cache, Invalidation what, Token&& token, const InvalidateOptions& options) {
  return initiate<Result<std::uint64_t>>(CacheAccess::engine(cache).scheduler(), std::forward<Token>(token),
                                         [&cache, what = std::move(what), options](auto done) mutable {
                                           CacheAccess::engine(cache).invalidate(std::move(what), options,
                                                                                 std::move(done));
                                         });
}

template <class T, class Done>
auto first_of(Done done) {
  return [done = std::move(done)](std::vector<T> outcomes) mutable { done(std::move(outcomes.front())); };
}

}  // namespace detail

/// Like Cache::lookup. Completes with Lookup<V>.
template <class V, class Token>
auto async_lookup(Cache<V>& cache, std::string key, Token&& token, ReadOptions options = {}) {
  return detail::initiate<Lookup<V>>(detail::CacheAccess::engine(cache).scheduler(),
                                     std::forward<Token>(token),
                                     [&cache, key = std::move(key), options](auto done) {
                                       if (auto found = detail::CacheAccess::in_memory(cache, key))
                                         return done(std::move(*found));
                                       detail::read_one(cache, key, nullptr, options, std::move(done));
                                     });
}

/// Like Cache::get. Completes with std::optional<V>.
template <class V, class Token>
auto async_get(Cache<V>& cache, std::string key, Token&& token) {
  return detail::initiate<std::optional<V>>(
      detail::CacheAccess::engine(cache).scheduler(), std::forward<Token>(token),
      [&cache, key = std::move(key)](auto done) {
        auto answer = [done = std::move(done)](Lookup<V> found) mutable { done(std::move(found.value)); };
        if (auto found = detail::CacheAccess::in_memory(cache, key)) return answer(std::move(*found));
        detail::read_one(cache, key, nullptr, {}, std::move(answer));
      });
}

/// Like Cache::get_many. Completes with std::vector<std::optional<V>>.
template <class V, class Token>
auto async_get_many(Cache<V>& cache, std::vector<std::string> keys, Token&& token) {
  return detail::initiate<std::vector<std::optional<V>>>(
      detail::CacheAccess::engine(cache).scheduler(), std::forward<Token>(token),
      [&cache, keys = std::move(keys)](auto done) {
        detail::CacheAccess::start_lookup_many(
            cache, keys, nullptr, {}, [done = std::move(done)](std::vector<Lookup<V>> found) mutable {
              std::vector<std::optional<V>> values;
              for (auto& one : found) values.push_back(std::move(one.value));
              done(std::move(values));
            });
      });
}

/// Like Cache::lookup_or_load. Completes with Lookup<V>.
template <class V, class LoaderFn, class Token>
auto async_lookup_or_load(Cache<V>& cache, std::string key, LoaderFn loader, Token&& token,
                          ReadOptions options = {}) {
  return detail::initiate<Lookup<V>>(
      detail::CacheAccess::engine(cache).scheduler(), std::forward<Token>(token),
      [&cache, key = std::move(key), loader = std::move(loader), options](auto done) mutable {
        auto executor = done.executor();
        detail::lookup_or_load(cache, key, std::move(loader), executor, options, std::move(done));
      });
}

/// Like Cache::get_or_load. Completes with Result<V>.
template <class V, class LoaderFn, class Token>
auto async_get_or_load(Cache<V>& cache, std::string key, LoaderFn loader, Token&& token,
                       ReadOptions options = {}) {
  return detail::initiate<Result<V>>(
      detail::CacheAccess::engine(cache).scheduler(), std::forward<Token>(token),
      [&cache, key = std::move(key), loader = std::move(loader), options](auto done) mutable {
        auto executor = done.executor();
        detail::lookup_or_load(cache, key, std::move(loader), executor, options,
                               [key, done = std::move(done)](Lookup<V> answer) mutable {
                                 done(cascade::to_result(std::move(answer), key));
                               });
      });
}

/// Like Cache::set. Completes with Result<void>.
template <class V, class Token>
auto async_set(Cache<V>& cache, std::string key, V value, Token&& token, WriteOptions options = {}) {
  std::vector<cascade::Write> writes;
  writes.push_back({std::move(key), std::make_shared<const V>(std::move(value))});
  return detail::initiate<Result<void>>(
      detail::CacheAccess::engine(cache).scheduler(), std::forward<Token>(token),
      [&cache, writes = std::move(writes), options](auto done) mutable {
        detail::CacheAccess::engine(cache).write(std::move(writes), options,
                                                 detail::first_of<Result<void>>(std::move(done)));
      });
}

/// Like Cache::erase. Completes with Result<bool>.
template <class V, class Token>
auto async_erase(Cache<V>& cache, std::string key, Token&& token, WriteOptions options = {}) {
  return detail::initiate<Result<bool>>(
      detail::CacheAccess::engine(cache).scheduler(), std::forward<Token>(token),
      [&cache, key = std::move(key), options](auto done) mutable {
        detail::CacheAccess::engine(cache).erase({std::move(key)}, options,
                                                 detail::first_of<Result<bool>>(std::move(done)));
      });
}

/// Like Cache::current. Completes with Result<Current<V>>.
template <class V, class Token>
auto async_current(Cache<V>& cache, std::string key, Token&& token, ReadOptions options = {}) {
  return detail::initiate<Result<Current<V>>>(
      detail::CacheAccess::engine(cache).scheduler(), std::forward<Token>(token),
      [&cache, key = std::move(key), options](auto done) mutable {
        auto& engine = detail::CacheAccess::engine(cache);
        engine.current(std::move(key), options.timeout, false,
                       [&engine, done = std::move(done)](Result<cascade::Current> found) mutable {
                         done(detail::typed<V>(std::move(found), engine.scheduler()));
                       });
      });
}

/// Like Cache::compare_and_set; no value: like Cache::compare_and_erase. Completes with Result<bool>.
template <class V, class Token>
auto async_compare_and_set(Cache<V>& cache, std::string key, Revision revision, std::optional<V> value,
                           Token&& token, WriteOptions options = {}) {
  cascade::ValuePtr stored;
  if (value) stored = std::make_shared<const V>(std::move(*value));
  return detail::initiate<Result<bool>>(
      detail::CacheAccess::engine(cache).scheduler(), std::forward<Token>(token),
      [&cache, change = detail::change_of(std::move(key), revision, std::move(stored), options),
       timeout = options.timeout](auto done) mutable {
        detail::CacheAccess::engine(cache).compare_and_set(std::move(change), timeout, std::move(done));
      });
}

/// Like Cache::lookup_many. Completes with std::vector<Lookup<V>>.
template <class V, class Token>
auto async_lookup_many(Cache<V>& cache, std::vector<std::string> keys, Token&& token,
                       ReadOptions options = {}) {
  return detail::initiate<std::vector<Lookup<V>>>(
      detail::CacheAccess::engine(cache).scheduler(), std::forward<Token>(token),
      [&cache, keys = std::move(keys), options](auto done) {
        detail::CacheAccess::start_lookup_many(cache, keys, nullptr, options, std::move(done));
      });
}

/// Like Cache::get_or_load_many, with its forms of bulk loader. Completes with std::vector<Result<V>>.
template <class V, class BulkLoaderFn, class Token>
auto async_get_or_load_many(Cache<V>& cache, std::vector<std::string> keys, BulkLoaderFn loader,
                            Token&& token, ReadOptions options = {}) {
  return detail::initiate<std::vector<Result<V>>>(
      detail::CacheAccess::engine(cache).scheduler(), std::forward<Token>(token),
      [&cache, keys = std::move(keys), loader = std::move(loader), options](auto done) mutable {
        detail::CacheAccess::start_lookup_many(
            cache, keys, cascade::make_bulk_loader<V>(std::move(loader)), options,
            [keys, done = std::move(done)](std::vector<Lookup<V>> found) mutable {
              done(cascade::to_results(std::move(found), keys));
            });
      });
}

/// Like Cache::set_many. Completes with std::vector<Result<void>>.
template <class V, class Token>
auto async_set_many(Cache<V>& cache, std::vector<std::pair<std::string, V>> entries, Token&& token,
                    WriteOptions options = {}) {
  std::vector<cascade::Write> writes;
  for (auto& [key, value] : entries) {
    writes.push_back({std::move(key), std::make_shared<const V>(std::move(value))});
  }
  return detail::initiate<std::vector<Result<void>>>(
      detail::CacheAccess::engine(cache).scheduler(), std::forward<Token>(token),
      [&cache, writes = std::move(writes), options](auto done) mutable {
        detail::CacheAccess::engine(cache).write(std::move(writes), options, std::move(done));
      });
}

/// Like Cache::erase_many. Completes with std::vector<Result<bool>>.
template <class V, class Token>
auto async_erase_many(Cache<V>& cache, std::vector<std::string> keys, Token&& token,
                      WriteOptions options = {}) {
  return detail::initiate<std::vector<Result<bool>>>(
      detail::CacheAccess::engine(cache).scheduler(), std::forward<Token>(token),
      [&cache, keys = std::move(keys), options](auto done) mutable {
        detail::CacheAccess::engine(cache).erase(std::move(keys), options, std::move(done));
      });
}

/// Like Cache::invalidate. Completes with Result<std::uint64_t>.
template <class V, class Token>
auto async_invalidate(Cache<V>& cache, std::vector<std::string> keys, Token&& token,
                      InvalidateOptions options = {}) {
  return detail::invalidate(cache, {.keys = std::move(keys)}, std::forward<Token>(token), options);
}

/// Like Cache::invalidate_group. Completes with Result<std::uint64_t>.
template <class V, class Token>
auto async_invalidate_group(Cache<V>& cache, std::string name, Token&& token,
                            InvalidateOptions options = {}) {
  return detail::invalidate(cache, {Invalidation::Kind::group, {}, std::move(name)},
                            std::forward<Token>(token), options);
}

/// Like Cache::invalidate_prefix. Completes with Result<std::uint64_t>.
template <class V, class Token>
auto async_invalidate_prefix(Cache<V>& cache, std::string prefix, Token&& token,
                             InvalidateOptions options = {}) {
  return detail::invalidate(cache, {Invalidation::Kind::prefix, {}, std::move(prefix)},
                            std::forward<Token>(token), options);
}

/// Like Cache::invalidate_glob. Completes with Result<std::uint64_t>.
template <class V, class Token>
auto async_invalidate_glob(Cache<V>& cache, std::string pattern, Token&& token,
                           InvalidateOptions options = {}) {
  return detail::invalidate(cache, {Invalidation::Kind::glob, {}, std::move(pattern)},
                            std::forward<Token>(token), options);
}

/// Like Cache::invalidate_tag. Completes with Result<std::uint64_t>.
template <class V, class Token>
auto async_invalidate_tag(Cache<V>& cache, std::string tag, Token&& token, InvalidateOptions options = {}) {
  return detail::invalidate(cache, {Invalidation::Kind::tag, {}, std::move(tag)}, std::forward<Token>(token),
                            options);
}

/// Like Cache::flush. Completes with Result<void>.
template <class V, class Token>
auto async_flush(Cache<V>& cache, Token&& token, WriteOptions options = {}) {
  return detail::initiate<Result<void>>(
      detail::CacheAccess::engine(cache).scheduler(), std::forward<Token>(token),
      [&cache, options](auto done) { detail::CacheAccess::engine(cache).flush(options, std::move(done)); });
}

/// Like Cache::explain. Completes with Result<Explanation>.
template <class V, class Token>
auto async_explain(Cache<V>& cache, std::string key, Token&& token) {
  return detail::initiate<Result<Explanation>>(
      detail::CacheAccess::engine(cache).scheduler(), std::forward<Token>(token),
      [&cache, key = std::move(key)](auto done) mutable {
        detail::CacheAccess::engine(cache).explain(std::move(key), std::move(done));
      });
}

/// Like Cache::clear. Completes with Result<void>.
template <class V, class Token>
auto async_clear(Cache<V>& cache, Token&& token, WriteOptions options = {}) {
  return detail::initiate<Result<void>>(
      detail::CacheAccess::engine(cache).scheduler(), std::forward<Token>(token),
      [&cache, options](auto done) { detail::CacheAccess::engine(cache).clear(options, std::move(done)); });
}

}  // namespace terrace
