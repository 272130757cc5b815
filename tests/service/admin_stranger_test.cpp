// Attackers without the token who reach the port: they shut nobody out, and no request hides behind another.
#include <gmock/gmock.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "service/admin_fixture.hpp"
#include "support/lateness.hpp"

namespace terrace {
namespace {

using ::testing::HasSubstr;
namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;

/// A client that sends requests and reads no answer. When it is shut out, it may connect again.
class Glutton {
 public:
  Glutton(asio::io_context& io, unsigned short port, bool comes_back)
      : socket_(io), server_(asio::ip::address_v4::loopback(), port), comes_back_(comes_back) {
    dial();
  }

  /// Sends as much as the connection takes now, and returns the number of bytes.
  std::size_t send(const std::string& requests) {
    if (shut_out_ && !comes_back_) return 0;
    ErrorCode failed;
    std::size_t sent = 0;
    while (!failed) sent += socket_.write_some(asio::buffer(requests), failed);
    if (failed == asio::error::would_block) return sent;
    shut_out_ = true;
    if (comes_back_) dial();
    return sent;
  }

  [[nodiscard]] bool shut_out() const { return shut_out_; }

 private:
  void dial() {
    ErrorCode ignored;
    socket_.close(ignored);
    socket_.open(Tcp::v4());
    socket_.set_option(asio::socket_base::receive_buffer_size(4096));
    socket_.connect(server_, ignored);
    socket_.non_blocking(true, ignored);
  }

  Tcp::socket socket_;
  const Tcp::endpoint server_;
  const bool comes_back_;
  bool shut_out_ = false;
};

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (; times > 0; --times) out += text;
  return out;
}

class AdminStrangerTest : public AdminTest {
 protected:
  void SetUp() override { start(); }

  /// Everything that the server sends until it closes the connection; fails the test if it keeps it open.
  [[nodiscard]] std::string whole_answer(const std::string& bytes) const {
    asio::io_context io;
    Tcp::socket socket(io);
    socket.connect({asio::ip::address_v4::loopback(), server_->port()});
    const timeval limit{5, 0};
    ::setsockopt(socket.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    std::string answer;
    ErrorCode failed;
    asio::write(socket, asio::buffer(bytes), failed);
    // The blocking read of Asio would wait on after the limit.
    char part[4096];
    ssize_t size = 0;
    while ((size = ::recv(socket.native_handle(), part, sizeof part, 0)) > 0) {
      answer.append(part, static_cast<std::size_t>(size));
    }
    EXPECT_EQ(size, 0) << "the server kept the connection open after: " << answer.substr(0, 60);
    return answer;
  }
};

class Gluttons : public AdminStrangerTest, public ::testing::WithParamInterface<bool> {};

TEST_P(Gluttons, A05_ShutNobodyOut) {
  constexpr int attackers = 200, probes = 200, places = 64;
  const Logged logged;
  asio::io_context io;
  std::vector<std::unique_ptr<Glutton>> gluttons;
  for (int i = 0; i < attackers; ++i) {
    gluttons.push_back(std::make_unique<Glutton>(io, server_->port(), GetParam()));
  }
  const std::string requests = repeated("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200);
  const auto send_all = [&] {
    std::size_t sent = 0;
    for (const auto& one : gluttons) sent += one->send(requests);
    return sent;
  };
  // Until the server waits for all of them to read. Those that come back keep it busy for ever.
  auto last = std::chrono::steady_clock::now();
  const auto begun_at = last;
  while (std::chrono::steady_clock::now() - last < 300ms && last - begun_at < 3s) {
    if (send_all() > 0) last = std::chrono::steady_clock::now();
  }
  const testing::Lateness lateness;
  int answered = 0;
  for (int i = 0; i < probes; ++i) {
    (void)send_all();
    const auto begun = std::chrono::steady_clock::now();
    try {
      const bool right = get(i % 2 != 0 ? "/readyz" : "/healthz").status == 200;
      const auto took = std::chrono::steady_clock::now() - begun - lateness.since(begun);
      answered += right && took < 1s ? 1 : 0;
    } catch (const boost::system::system_error&) {
    }
  }
  EXPECT_GE(answered, probes * 99 / 100);
  const auto shut_out =
      std::count_if(gluttons.begin(), gluttons.end(), [](const auto& one) { return one->shut_out(); });
  EXPECT_GE(shut_out, attackers - places);
  server_->close();
  EXPECT_EQ(logged.lines(), 1) << "one line a minute";
  EXPECT_THAT(logged.text(), HasSubstr("closed to make room"));
}

INSTANTIATE_TEST_SUITE_P(AdminStranger, Gluttons, ::testing::Bool(),
                         [](const auto& set_up) { return set_up.param ? "ThatComeBack" : "ThatStayAway"; });

TEST_F(AdminStrangerTest, A05_HealthIsAnsweredWhileEveryConnectionWaitsForACache) {
  tier_->plan({testing::Fault::Kind::hold});
  std::vector<std::unique_ptr<HttpClient>> asking;
  for (int i = 0; i < 80; ++i) {
    asking.push_back(std::make_unique<HttpClient>(server_->port()));
    asking.back()->send(
        "GET /api/v1/caches/users/explain?key=k HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
        token + "\r\n\r\n");
  }
  ASSERT_TRUE(testing::eventually([&] { return tier_->held() >= 64; }));
  std::vector<std::unique_ptr<HttpClient>> idle;
  for (int i = 0; i < 20; ++i) idle.push_back(std::make_unique<HttpClient>(server_->port()));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(get("/healthz").status, 200U);
    EXPECT_EQ(get("/readyz").status, 200U);
  }
  const auto refused = get("/metrics");
  EXPECT_EQ(refused.status, 503U) << "the last places are kept for health checks";
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_EQ(refused.header("Connection"), "close");
  tier_->plan(nullptr);
  tier_->release();
  EXPECT_EQ(asking.front()->read().status, 200U);
}

TEST_F(AdminStrangerTest, A05_WhatOneClientLeavesUnreadIsBounded) {
  asio::io_context io;
  Tcp::socket socket(io);
  socket.open(Tcp::v4());
  // So that what has been sent is with the server.
  socket.set_option(asio::socket_base::send_buffer_size(4096));
  socket.set_option(asio::socket_base::receive_buffer_size(4096));
  socket.connect({asio::ip::address_v4::loopback(), server_->port()});
  socket.non_blocking(true);
  const std::string requests = repeated("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 100);
  // Until nothing has gone out for a while: then the server reads no more.
  std::size_t sent = 0;
  auto last = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - last < 300ms && sent < std::size_t{64} << 20U) {
    ErrorCode failed;
    const std::size_t size = socket.write_some(asio::buffer(requests), failed);
    if (failed && failed != asio::error::would_block) break;
    if (size > 0) last = std::chrono::steady_clock::now();
    sent += size;
  }
  // In the server's system, 128 KiB of requests, and the requests of 256 KiB of answers.
  EXPECT_LT(sent, 256U * 1024U);
  EXPECT_EQ(get("/healthz").status, 200U);
}

struct Framing {
  std::string name;
  std::string first;    ///< the request line without its version
  std::string version;  ///< "1.1"
  std::string fields;
};

const std::string host = "Host: localhost\r\n";

/// Requests whose end, or whose Host, a proxy in front of the server may read in another way.
const std::vector<Framing> ambiguous{
    {"unknown coding", "GET /healthz", "1.1", host + "Transfer-Encoding: xchunked\r\n"},
    {"coding after chunked", "GET /healthz", "1.1", host + "Transfer-Encoding: chunked, identity\r\n"},
    {"coding before chunked", "GET /healthz", "1.1", host + "Transfer-Encoding: gzip, chunked\r\n"},
    {"chunked twice", "GET /healthz", "1.1", host + "Transfer-Encoding: chunked, chunked\r\n"},
    {"two fields", "GET /healthz", "1.1",
     host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"},
    {"two fields, one other", "GET /healthz", "1.1",
     host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"},
    {"identity", "GET /healthz", "1.1", host + "Transfer-Encoding: identity\r\n"},
    {"identity and a length", "GET /healthz", "1.1",
     host + "Transfer-Encoding: identity\r\nContent-Length: 0\r\n"},
    {"empty coding", "GET /healthz", "1.1", host + "Transfer-Encoding:\r\n"},
    {"quoted coding", "GET /healthz", "1.1", host + "Transfer-Encoding: \"chunked\"\r\n"},
    {"parameter", "GET /healthz", "1.1", host + "Transfer-Encoding: chunked;q=1\r\n"},
    {"comma", "GET /healthz", "1.1", host + "Transfer-Encoding: chunked,\r\n"},
    {"vertical tab", "GET /healthz", "1.1",
     host + "Transfer-Encoding: \x0b"
            "chunked\r\n"},
    {"chunked in 1.0", "GET /healthz", "1.0", host + "Transfer-Encoding: chunked\r\n"},
    {"both", "GET /healthz", "1.1", host + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"},
    {"both, other order", "GET /healthz", "1.1",
     host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"},
    {"blank before the colon", "GET /healthz", "1.1", host + "Transfer-Encoding : chunked\r\n"},
    {"tab before the colon", "GET /healthz", "1.1", host + "Transfer-Encoding\t: chunked\r\n"},
    {"folded coding", "GET /healthz", "1.1", host + "Transfer-Encoding:\r\n chunked\r\n"},
    {"folded length", "GET /healthz", "1.1", host + "Content-Length: 0\r\n 5\r\n"},
    {"folded by a tab", "GET /healthz", "1.1", host + "X: y\r\n\tTransfer-Encoding: chunked\r\n"},
    {"folded before the fields", "GET /healthz", "1.1", " X: y\r\n" + host},
    {"two lengths", "GET /healthz", "1.1", host + "Content-Length: 0\r\nContent-Length: 5\r\n"},
    {"two equal lengths", "GET /healthz", "1.1", host + "Content-Length: 0\r\nContent-Length: 0\r\n"},
    {"list of lengths", "GET /healthz", "1.1", host + "Content-Length: 0, 0\r\n"},
    {"length with a sign", "GET /healthz", "1.1", host + "Content-Length: +0\r\n"},
    {"negative length", "GET /healthz", "1.1", host + "Content-Length: -1\r\n"},
    {"hexadecimal length", "GET /healthz", "1.1", host + "Content-Length: 0x0\r\n"},
    {"empty length", "GET /healthz", "1.1", host + "Content-Length:\r\n"},
    {"length beyond 64 bits", "GET /healthz", "1.1", host + "Content-Length: 18446744073709551616\r\n"},
    {"bare CR", "GET /healthz", "1.1", host + "X: a\rTransfer-Encoding: chunked\r\n"},
    {"bare LF", "GET /healthz", "1.1", host + "X: a\nTransfer-Encoding: chunked\r\n"},
    {"NUL", "GET /healthz", "1.1", host + std::string("X: a\0b\r\n", 8)},
    {"field without a name", "GET /healthz", "1.1", host + ": x\r\n"},
    {"field without a colon", "GET /healthz", "1.1", host + "Transfer-Encoding\r\n"},
    {"no Host", "GET /healthz", "1.1", ""},
    {"two Hosts", "GET /healthz", "1.1", host + host},
    {"two Hosts in 1.0", "GET /healthz", "1.0", host + "Host: evil.example\r\n"},
    {"folded Host", "GET /healthz", "1.1", "Host: localhost\r\n .evil.example\r\n"},
    {"Host folded after its name", "GET /healthz", "1.1", "Host:\r\n localhost\r\n"},
    {"text after the brackets", "GET /healthz", "1.1", "Host: [::1]evil.example\r\n"},
    {"login in the port", "GET /healthz", "1.1", "Host: localhost:80@evil.example\r\n"},
    {"login", "GET /healthz", "1.1", "Host: localhost@evil.example\r\n"},
    {"path", "GET /healthz", "1.1", "Host: localhost/evil.example\r\n"},
    {"query", "GET /healthz", "1.1", "Host: localhost?evil.example\r\n"},
    {"fragment", "GET /healthz", "1.1", "Host: localhost#evil.example\r\n"},
    {"list of Hosts", "GET /healthz", "1.1", "Host: localhost, evil.example\r\n"},
    {"blank in the Host", "GET /healthz", "1.1", "Host: localhost evil.example\r\n"},
    {"two ports", "GET /healthz", "1.1", "Host: localhost:80:90\r\n"},
    {"port that is none", "GET /healthz", "1.1", "Host: localhost:http\r\n"},
    {"port too large", "GET /healthz", "1.1", "Host: localhost:65536\r\n"},
    {"port with a sign", "GET /healthz", "1.1", "Host: localhost:+80\r\n"},
    {"no port after the colon", "GET /healthz", "1.1", "Host: localhost:\r\n"},
    {"open bracket", "GET /healthz", "1.1", "Host: [::1\r\n"},
    {"no address in the brackets", "GET /healthz", "1.1", "Host: [localhost]\r\n"},
    {"zone in the brackets", "GET /healthz", "1.1", "Host: [::1%25lo]\r\n"},
    {"address without brackets", "GET /healthz", "1.1", "Host: ::1\r\n"},
    {"percent code", "GET /healthz", "1.1", "Host: local%68ost\r\n"},
    {"not ASCII", "GET /healthz", "1.1", "Host: localhost\xc3\xa9\r\n"},
    {"empty Host", "GET /healthz", "1.1", "Host:\r\n"},
    {"blank before the version", "GET /healthz ", "1.1", host},
    {"another version", "GET /healthz", "2.0", host},
};

TEST_F(AdminStrangerTest, A17_AmbiguousRequestsAreRefusedAndEndTheConnection) {
  // What would be smuggled: with a body of 0 bytes it is a request of its own, otherwise a part of the body.
  const std::string hidden = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (const Framing& one : ambiguous) {
    SCOPED_TRACE(one.name);
    const std::string answer =
        whole_answer(one.first + " HTTP/" + one.version + "\r\n" + one.fields + "\r\n" + hidden);
    EXPECT_EQ(answer.substr(0, 12), "HTTP/" + std::string(one.version == "1.0" ? "1.0" : "1.1") + " 400")
        << answer;
    EXPECT_EQ(answer.find("X-Frame-Options"), answer.rfind("X-Frame-Options"))
        << "a second answer: " << answer;
    EXPECT_EQ(answer.find("terrace_"), std::string::npos) << "metrics";
  }
}

TEST_F(AdminStrangerTest, A17_PlainRequestsAreStillTaken) {
  const std::string close = "Connection: close\r\n";
  for (const std::string& fields : std::vector<std::string>{
           host, "host:localhost\r\n", "HOST: \t LocalHost:9390 \t\r\n", "Host: [::1]\r\n",
           "Host: [0:0:0:0:0:0:0:1]:1\r\n", host + "Content-Length: 0\r\n",
           host + "content-length:   0  \r\n", host + "X:\r\n",
           host + "X-Forwarded-Host: evil.example\r\nX-Forwarded-For: 10.0.0.1, 10.0.0.2\r\n"}) {
    EXPECT_EQ(whole_answer("GET /healthz HTTP/1.1\r\n" + fields + close + "\r\n").substr(0, 12),
              "HTTP/1.1 200")
        << fields;
  }
  EXPECT_EQ(whole_answer("GET /healthz HTTP/1.0\r\n\r\n").substr(0, 12), "HTTP/1.0 200") << "no browser";
  const std::string put = "PUT /api/v1/caches/users/entry?key=k HTTP/1.1\r\n" + host + close +
                          "Authorization: Bearer " + token + "\r\nTransfer-Encoding: Chunked\r\n\r\n";
  EXPECT_EQ(whole_answer(put + "7\r\n{\"value\r\n7;x=y\r\n\": \"v\"}\r\n0\r\n\r\n").substr(0, 12),
            "HTTP/1.1 200");
  EXPECT_EQ(cache_.get("k"), "v");
}

}  // namespace
}  // namespace terrace
