// Asynchronous calls from coroutines: a thousand coroutines read the same key, and one of them loads it.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iostream>
#include <terrace/async.hpp>

namespace asio = boost::asio;

int loads = 0;

asio::awaitable<std::string> load_page(std::string_view key) {
  ++loads;
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(10));
  co_await timer.async_wait(asio::use_awaitable);
  co_return "page " + std::string(key);
}

asio::awaitable<void> visit(terrace::Cache<std::string>& pages, int& served) {
  const auto page = co_await terrace::async_get_or_load(pages, "home", load_page, asio::use_awaitable);
  if (page && *page == "page home") ++served;
}

int main() {
  terrace::Cache<std::string> pages({.name = "pages"});
  asio::io_context context;
  int served = 0;
  for (int i = 0; i < 1000; ++i) asio::co_spawn(context, visit(pages, served), asio::detached);
  context.run();
  std::cout << served << " served, " << loads << " loaded\n";
  return served == 1000 && loads == 1 ? 0 : 1;
}
