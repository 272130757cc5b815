// Who may talk to whom: passwords, users, certificates, and options that cannot work.
#include "redis/redis_test.hpp"

namespace terrace::redis {
namespace {

constexpr const char* secret = "canary-s3cret";

std::string with_login(const RedisServer& server, const std::string& login) {
  return "redis://" + login + "@127.0.0.1:" + std::to_string(server.port());
}

TEST(RedisAccess, F30_A37_AWrongPasswordIsDeniedWithoutAStormAndWithoutTheSecret) {
  RedisServer server({.password = "right"});
  const auto tier =
      make_redis_tier({.url = with_login(server, std::string(":") + secret), .reconnect_cap = 1s});
  const auto first = get(*tier, "k");
  EXPECT_FAILS(first, Errc::denied);
  EXPECT_EQ(text(first).find(secret), std::string::npos) << text(first);
  for (const auto begin = system_clock().now(); system_clock().now() - begin < 400ms;) {
    EXPECT_FAILS(get(*tier, "k"), Errc::denied);
  }
  EXPECT_EQ(redis_status(*tier)->failed_connects, 1U) << "half a second at least between attempts";
  EXPECT_EQ(redis_status(*tier)->last_error.find(secret), std::string::npos);
  server.cli({"CONFIG", "SET", "requirepass", secret});
  EXPECT_TRUE(comes_back(*tier)) << "the credentials became right";
}

TEST(RedisAccess, PasswordsAndUsers) {
  RedisServer server({.password = "p@ss:/#"});
  EXPECT_FAILS(get(*make_redis_tier({.url = "redis://127.0.0.1:" + std::to_string(server.port())}), "k"),
               Errc::denied);
  EXPECT_TRUE(get(*make_redis_tier({.url = with_login(server, ":p%40ss%3A%2F%23")}), "k"));
  server.cli({"ACL", "SETUSER", "reader", "on", ">pw", "~*", "+get", "+ping", "+hello", "+client|setname"});
  const auto reader = make_redis_tier({.url = with_login(server, "reader:pw")});
  EXPECT_TRUE(get(*reader, "k"));
  const auto denied = set(*reader, "k", "v");
  EXPECT_FAILS(denied, Errc::denied);
  EXPECT_NE(text(denied).find("NOPERM"), std::string::npos) << text(denied);
  EXPECT_FAILS(get(*make_redis_tier({.url = with_login(server, "reader:wrong")}), "k"), Errc::denied);
  server.cli({"ACL", "DELUSER", "reader"});
  ASSERT_TRUE(eventually([&] {
    const auto now = get(*reader, "k");
    return !now && now.error() == Errc::denied;
  })) << "the server hung up, and lets it in no more";
}

TEST(RedisAccess, TlsWithACertificateThatIsRight) {
  RedisServer server({.password = "pw", .tls = true});
  const auto tier = make_redis_tier({.url = server.url(), .ca_file = server.ca_file()});
  const std::string value(3'000'000, 'v');
  ASSERT_TRUE(set(*tier, "k", value)) << text(set(*tier, "k", value));
  EXPECT_TRUE(get(*tier, "k").value() == value);
  std::atomic<int> good{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) good += get(*tier, "none" + std::to_string(t)).has_value() ? 1 : 0;
    });
  }
  threads.clear();
  EXPECT_EQ(good, 800);
}

/// What a get over TLS ends with; it must not be an answer.
std::string refusal(const RedisOptions& options) {
  const auto outcome = get(*make_redis_tier(options), "k");
  EXPECT_FAILS(outcome, Errc::unavailable);
  return text(outcome);
}

TEST(RedisAccess, F31_A35_TlsFailsClosed) {
  {
    const RedisServer server({.tls = true, .tls_names = "DNS:elsewhere.example,IP:127.0.0.9"});
    const std::string wrong_host = refusal({.url = server.url(), .ca_file = server.ca_file()});
    EXPECT_NE(wrong_host.find("mismatch"), std::string::npos) << wrong_host;
    EXPECT_NE(refusal({.url = server.url()}).find("certificate"), std::string::npos)
        << "not an authority we trust";
  }
  {
    const RedisServer server({.tls = true, .tls_expired = true});
    const std::string expired = refusal({.url = server.url(), .ca_file = server.ca_file()});
    EXPECT_NE(expired.find("expired"), std::string::npos) << expired;
  }
  const RedisServer plain;
  const std::string no_tls =
      refusal({.url = "rediss://127.0.0.1:" + std::to_string(plain.port()), .connect_timeout = 300ms});
  EXPECT_NE(no_tls.find("TLS handshake"), std::string::npos) << no_tls;
}

template <class Change>
std::string config_error(Change change) {
  RedisOptions options{.url = "redis://127.0.0.1:1"};
  change(options);
  try {
    make_redis_tier(options);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(RedisAccess, OptionsThatCannotWorkAreNamed) {
  const auto names = [](const std::string& message, const char* part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  names(config_error([](auto& o) { o.url = "redis://h:x"; }), "port");
  names(config_error([](auto& o) { o.connect_timeout = 0s; }), "connect_timeout");
  names(config_error([](auto& o) { o.open_time = -1s; }), "open_time");
  names(config_error([](auto& o) { o.reconnect_cap = 0s; }), "reconnect_cap");
  names(config_error([](auto& o) { o.failures_to_open = 0; }), "failures_to_open");
  names(config_error([](auto& o) { o.max_value_bytes = 0; }), "max_value_bytes");
  names(config_error([](auto& o) { o.max_value_bytes = (512u << 20) + 1; }), "max_value_bytes");
  names(config_error([](auto& o) { o.key_prefix.resize(max_key_size + 1); }), "key_prefix");
  names(config_error([](auto& o) { o.ca_file = "/x"; }), "rediss");
  names(config_error([](auto& o) { o.url = "rediss://h", o.ca_file = "/no/such/file"; }), "/no/such/file");
  names(config_error([](auto& o) { o.url = "rediss://h", o.cert_file = "/x"; }), "key_file");
  EXPECT_THROW(make_redis_tier({}, nullptr), ConfigError);
}

}  // namespace
}  // namespace terrace::redis
