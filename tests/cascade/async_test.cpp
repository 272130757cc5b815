#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <terrace/async.hpp>

#include "cascade/fixture.hpp"

namespace terrace {
namespace {

namespace asio = boost::asio;

class AsyncTest : public ::testing::Test {
 protected:
  std::shared_ptr<Runtime> runtime_ = std::make_shared<Runtime>();
  std::shared_ptr<testing::MapTier> tier_ = std::make_shared<testing::MapTier>();
  Cache<std::string> cache_{{.ttl_jitter = 0, .scheduler = runtime_}, {tier_}};
};

TEST_F(AsyncTest, WithFutures) {
  EXPECT_FALSE(async_lookup(cache_, "k", asio::use_future).get());
  EXPECT_EQ(async_get_or_load(
                cache_, "k", [] { return "v"; }, asio::use_future)
                .get()
                .value(),
            "v");
  EXPECT_EQ(async_lookup(cache_, "k", asio::use_future).get().level, "memory");
  async_set(cache_, "k", std::string("w"), asio::use_future).get().value();
  EXPECT_EQ(cache_.get("k"), "w");
  const auto current = async_current(cache_, "k", asio::use_future).get().value();
  EXPECT_TRUE(async_compare_and_set(cache_, "k", current.revision, std::optional(current.value.value() + "!"),
                                    asio::use_future)
                  .get()
                  .value());
  EXPECT_FALSE(async_compare_and_set(cache_, "k", current.revision, {}, asio::use_future).get().value());
  EXPECT_TRUE(async_erase(cache_, "k", asio::use_future).get().value());
}

TEST_F(AsyncTest, ManyKeysAndClear) {
  for (const auto& stored :
       async_set_many(cache_, {{"a", std::string("1")}, {"b", "2"}}, asio::use_future).get()) {
    EXPECT_TRUE(stored.has_value());
  }
  const auto loader = [](const std::vector<std::string>& missing) {
    return std::vector<std::optional<std::string>>(missing.size(), "loaded");
  };
  const auto loaded = async_get_or_load_many(cache_, {"b", "c"}, loader, asio::use_future).get();
  EXPECT_EQ(loaded[0].value(), "2");
  EXPECT_EQ(loaded[1].value(), "loaded");
  const auto found = async_lookup_many(cache_, {"a", "x"}, asio::use_future).get();
  EXPECT_EQ(found[0].value, "1");
  EXPECT_EQ(found[1].kind, LookupKind::miss);
  EXPECT_TRUE(async_erase_many(cache_, {"a", "x"}, asio::use_future).get()[0].value());
  async_clear(cache_, asio::use_future).get().value();
  EXPECT_EQ(cache_.get("b"), std::nullopt);
}

TEST_F(AsyncTest, EveryOtherCall) {
  const auto token = asio::use_future;
  cache_.set_many({{"a:1", "1"}, {"a:2", "2"}, {"b", "3"}});
  EXPECT_EQ(async_get(cache_, "a:1", token).get(), "1");
  EXPECT_EQ(async_get(cache_, "x", token).get(), std::nullopt);
  EXPECT_EQ(async_get_many(cache_, {"x", "b"}, token).get(),
            (std::vector<std::optional<std::string>>{std::nullopt, "3"}));
  const auto loaded = async_lookup_or_load(
                          cache_, "c", [] { return "4"; }, token)
                          .get();
  EXPECT_EQ(loaded.value, "4");
  EXPECT_EQ(loaded.level, "loader");
  const auto refused = async_lookup_or_load(
                           cache_, "d", []() -> std::string { throw std::runtime_error("no"); }, token)
                           .get();
  EXPECT_EQ(refused.kind, LookupKind::unavailable);
  async_flush(cache_, token).get().value();
  EXPECT_EQ(async_explain(cache_, "c", token).get().value().levels.size(), 2U);
  cache_.define_group("some", {"b", "c"});
  EXPECT_EQ(async_invalidate_group(cache_, "some", token).get().value(), 2U);
  EXPECT_EQ(async_invalidate_glob(cache_, "a:[1]", token).get().value(), 1U);
  EXPECT_EQ(async_invalidate_prefix(cache_, "a:", token).get().value(), 1U);
  EXPECT_EQ(async_invalidate(cache_, {"b"}, token).get().value(), 0U);
  EXPECT_EQ(async_invalidate_tag(cache_, "unknown", token).get().value(), 0U);
  EXPECT_EQ(cache_.get("a:2"), std::nullopt);
}

TEST_F(AsyncTest, WithCallbacksNeverInsideTheCall) {
  cache_.set("k", "v").value();
  for (const std::string key : {"k", "absent"}) {
    std::promise<std::thread::id> called;
    std::atomic<bool> inside{true};
    std::atomic<bool> was_inside{false};
    async_lookup(cache_, key, [&](const Lookup<std::string>&) {
      was_inside = inside && std::this_thread::get_id() == std::thread::id{};
      called.set_value(std::this_thread::get_id());
    });
    inside = false;
    EXPECT_NE(called.get_future().get(), std::this_thread::get_id());
    EXPECT_FALSE(was_inside);
  }
}

TEST_F(AsyncTest, WithCoroutinesOnTheirExecutor) {
  asio::io_context context;
  std::string outcome;
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        const auto thread = std::this_thread::get_id();
        const auto first = co_await async_get_or_load(
            cache_, "k", [] { return "v"; }, asio::use_awaitable);
        EXPECT_EQ(std::this_thread::get_id(), thread);
        (co_await async_set(cache_, "k", first.value() + "2", asio::use_awaitable)).value();
        const auto second = co_await async_lookup(cache_, "k", asio::use_awaitable);
        EXPECT_EQ(std::this_thread::get_id(), thread);
        outcome = *second.value;
      },
      asio::detached);
  context.run();  // work is tracked: it does not end before the answers have come
  EXPECT_EQ(outcome, "v2");
}

TEST_F(AsyncTest, WithLoadersThatAreCoroutines) {
  asio::io_context context;
  std::vector<std::string> outcomes;
  const auto slow = [&](std::string_view key) -> asio::awaitable<std::string> {
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
    co_return "slow " + std::string(key);
  };
  const auto fails = []() -> asio::awaitable<std::string> {
    throw std::runtime_error("coroutine failed");
    co_return "";
  };
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        outcomes.push_back((co_await async_get_or_load(cache_, "k", slow, asio::use_awaitable)).value());
        outcomes.push_back(
            (co_await async_get_or_load(cache_, "f", fails, asio::use_awaitable)).error().context);
      },
      asio::detached);
  context.run();
  EXPECT_EQ(outcomes, (std::vector<std::string>{"slow k", "coroutine failed"}));
}

TEST_F(AsyncTest, AThousandCoroutinesOnOneMissingKeyAreOneLoad) {
  asio::thread_pool pool(2);
  std::atomic<int> loads{0};
  std::atomic<int> right{0};
  for (int i = 0; i < 1000; ++i) {
    asio::co_spawn(
        pool,
        [&]() -> asio::awaitable<void> {
          const auto found = co_await async_get_or_load(
              cache_, "k", [&] { return "v" + std::to_string(++loads); }, asio::use_awaitable);
          if (found.value() == "v1") ++right;
        },
        asio::detached);
  }
  pool.join();
  EXPECT_EQ(loads, 1);
  EXPECT_EQ(right, 1000);
}

TEST_F(AsyncTest, ABlockingCallOnTheIoThreadIsRefused) {
  std::promise<Error> refused;
  runtime_->post([&] { refused.set_value(cache_.lookup("absent").error); });
  EXPECT_EQ(refused.get_future().get(), Errc::would_deadlock);
}

}  // namespace
}  // namespace terrace
