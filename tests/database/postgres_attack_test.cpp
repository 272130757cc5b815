/// A PostgreSQL server that sends more than it was asked for: neither its lengths nor its rows are trusted.

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <thread>

#include "database/postgres_operations.hpp"
#include "database/postgres_test.hpp"
#include "support/acceptor.hpp"

namespace terrace::database {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using testing::eventually;

/// Stands between a client and an honest server, which it makes a hostile one: values of up to 9999 bytes are returned
/// where 1000 are the limit. Once it is turned, each request is answered with the head of a row of 1 GB, and its bytes,
/// for as long as the client takes them.
class HostileServer {
 public:
  explicit HostileServer(int target) : target_(target), thread_([this] { serve(); }) {}
  ~HostileServer() { acceptor_.stop(); }
  [[nodiscard]] int port() const { return acceptor_.port(); }
  void turn() { turned_ = true; }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }

 private:
  void serve() {
    std::vector<std::jthread> pairs;
    while (auto socket = acceptor_.accept()) {
      auto client = std::make_shared<Tcp::socket>(*std::move(socket));
      auto server = std::make_shared<Tcp::socket>(acceptor_.context());
      boost::system::error_code ec;
      server->connect({asio::ip::address_v4::loopback(), static_cast<asio::ip::port_type>(target_)}, ec);
      if (ec) continue;
      pairs.emplace_back([this, client, server] { pass(*client, *server, true); });
      pairs.emplace_back([this, client, server] { pass(*server, *client, false); });
    }
  }
  void pass(Tcp::socket& from, Tcp::socket& to, bool requests) {
    boost::system::error_code ec;
    std::string buffer(65'536, '\0');
    while (true) {
      const auto size = from.read_some(asio::buffer(buffer), ec);
      if (ec) break;
      if (requests && turned_) {
        flood(from);
        break;
      }
      constexpr std::string_view limit = "octet_length(value) <= 1000 ";
      if (const auto at = std::string_view(buffer.data(), size).find(limit);
          requests && at != std::string_view::npos) {
        buffer.replace(at, limit.size(), "octet_length(value) <= 9999 ");
      }
      asio::write(to, asio::buffer(buffer, size), ec);
      if (ec) break;
    }
    from.shutdown(Tcp::socket::shutdown_both, ec);
    to.shutdown(Tcp::socket::shutdown_both, ec);
  }
  void flood(Tcp::socket& client) {
    boost::system::error_code ec;
    asio::write(client, asio::buffer(std::string("D\x3f\xff\xff\xff\0\2", 7)), ec);
    const std::string zeros(65'536, '\0');
    while (!ec && sent_ < (1U << 30)) sent_ += client.write_some(asio::buffer(zeros), ec);
  }

  const int target_;
  std::atomic<bool> turned_{false};
  std::atomic<std::uint64_t> sent_{0};
  testing::Acceptor acceptor_;
  std::jthread thread_;
};

class PostgresAttack : public PostgresTest {};

TEST_F(PostgresAttack, A40_AReplyWithoutEndIsNotHeld) {
  HostileServer hostile(server().port());
  const auto tier = make({.url = server().url("postgres", hostile.port()), .max_value_bytes = 1 << 20});
  ASSERT_TRUE(set(*tier, "a", "1").has_value());
  hostile.turn();
  EXPECT_FALSE(get(*tier, "a").has_value());
  EXPECT_TRUE(eventually([&] {
    return tier->postgres_stats().last_error.find("more than any reply") != std::string::npos;
  })) << tier->postgres_stats().last_error;
#ifndef __SANITIZE_THREAD__  // there, the client reads more slowly than the server sends
  EXPECT_LT(hostile.sent(), 1U << 30) << "it was left before the row was complete";
#endif
}

TEST_F(PostgresAttack, A40_AValueOverTheLimitIsNotTaken) {
  HostileServer hostile(server().port());
  const auto large = make();
  for (const std::size_t size : {1000U, 1001U, 9999U}) {
    ASSERT_TRUE(set(*large, std::to_string(size), std::string(size, 'v')).has_value());
  }
  const auto tier = make({.url = server().url("postgres", hostile.port()), .max_value_bytes = 1000});
  EXPECT_EQ(get(*tier, "1000").value().value().size(), 1000U);
  for (const char* key : {"1001", "9999"}) EXPECT_EQ(get(*tier, key).error(), Errc::value_too_large);
}

/// All that honest replies may be at once: many large values, asked for together.
TEST_F(PostgresAttack, A40_HonestRepliesOfAnySizePass) {
  const auto tier = make({.connections = 1, .max_value_bytes = 1 << 20});
  std::vector<std::string> names;
  for (int i = 0; i < 40; ++i) names.push_back("key " + std::to_string(i));
  for (const auto& name : names) ASSERT_TRUE(set(*tier, name, std::string(1 << 20, 'v')).has_value());
  std::vector<std::string_view> keys(names.begin(), names.end());
  for (const auto& found : get_many(*tier, keys)) EXPECT_EQ(found.value().value().size(), 1U << 20);
  EXPECT_EQ(tier->postgres_stats().connects, 1U);
}

}  // namespace
}  // namespace terrace::database
