// What a scrape and a poll of the status page cost, with 50 caches that were all used.
// bench_admin [--quick]
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <terrace/admin.hpp>
#include <terrace/cache.hpp>
#include <vector>

namespace {

using namespace terrace;
namespace http = boost::beast::http;
using Milliseconds = std::chrono::duration<double, std::milli>;

/// One connection that stays, as a scraper's does.
class Client {
 public:
  explicit Client(unsigned short port) {
    socket_.connect({boost::asio::ip::make_address("127.0.0.1"), port});
    socket_.set_option(boost::asio::ip::tcp::no_delay(true));
  }
  std::size_t get(const char* target) {
    http::request<http::empty_body> request(http::verb::get, target, 11);
    request.set(http::field::host, "localhost");
    http::write(socket_, request);
    http::response_parser<http::string_body> answer;
    answer.body_limit(std::uint64_t{64} << 20U);
    http::read(socket_, buffer_, answer);
    return answer.get().result() == http::status::ok ? answer.get().body().size() : 0;
  }

 private:
  boost::asio::io_context io_;
  boost::asio::ip::tcp::socket socket_{io_};
  boost::beast::flat_buffer buffer_;
};

void measure(Client& client, const char* target, int rounds) {
  std::vector<double> took;
  std::size_t bytes = 0;
  for (int i = 0; i < rounds; ++i) {
    const TimePoint begun = system_clock().now();
    bytes = client.get(target);
    took.push_back(Milliseconds(system_clock().now() - begun).count());
  }
  std::sort(took.begin(), took.end());
  std::printf("%-16s %9zu bytes   median %7.2f ms   p99 %7.2f ms   worst %7.2f ms\n", target, bytes,
              took[took.size() / 2], took[took.size() * 99 / 100], took.back());
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int count = 50;
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  std::vector<std::unique_ptr<Cache<std::string>>> caches;
  AdminServer admin({.listen = "127.0.0.1:0"});
  for (int i = 0; i < count; ++i) {
    caches.push_back(std::make_unique<Cache<std::string>>(CacheOptions{.name = "cache" + std::to_string(i)}));
    admin.add(*caches.back());
    for (int key = 0; key < 1000; ++key) {
      (void)caches.back()->get_or_load(std::to_string(key % 300), [] { return std::string(100, 'v'); });
    }
  }
  Client client(admin.port());
  std::printf("%d caches\n", count);
  for (const char* target : {"/metrics", "/api/v1/stats", "/readyz"})
    measure(client, target, quick ? 5 : 300);
}
