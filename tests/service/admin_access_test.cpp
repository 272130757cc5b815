// Who may ask: tokens, the Host header, TLS, and where the server agrees to listen.
#include <gmock/gmock.h>

#include <fstream>

#include "service/admin_fixture.hpp"

namespace terrace {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// What the constructor says to these options.
std::string refused(AdminOptions options) {
  try {
    const AdminServer server(std::move(options));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "nothing";
}

struct Asked {
  std::string method, target, body;
};

/// Everything that changes state or shows values.
const std::vector<Asked> guarded{{"GET", "/api/v1/caches/users/entry?key=k", ""},
                                 {"PUT", "/api/v1/caches/users/entry?key=k", R"({"value": "v"})"},
                                 {"DELETE", "/api/v1/caches/users/entry?key=k", ""},
                                 {"GET", "/api/v1/caches/users/explain?key=k", ""},
                                 {"HEAD", "/api/v1/caches/users/explain?key=k", ""},
                                 {"POST", "/api/v1/caches/users/invalidate", R"({"keys": ["k"]})"},
                                 {"POST", "/api/v1/caches/users/clear", ""},
                                 {"POST", "/api/v1/caches/users/warm", R"({"keys": ["k"]})"}};

class AdminAccessTest : public AdminTest {};

TEST_F(AdminAccessTest, WhatChangesOrShowsValuesTakesTheToken) {
  for (const auto& [method, target, body] : guarded) {
    SCOPED_TRACE(method + " " + target);
    start();  // a server anew has forgotten the wrong tokens
    cache_.set("k", "kept").value();
    const auto none = ask(method, target, body, {});
    EXPECT_EQ(none.status, 401U);
    EXPECT_THAT(none.header("WWW-Authenticate"), HasSubstr("Bearer"));
    for (const std::string& wrong : {"Bearer " + token + "x", "Bearer " + token.substr(1),
                                     std::string("Bearer "), "Basic " + token, token}) {
      EXPECT_EQ(ask(method, target, body, {{"Authorization", wrong}}).status, 401U) << wrong;
    }
    EXPECT_EQ(cache_.get("k"), "kept");
    EXPECT_EQ(ask(method, target, body, {{"Authorization", "bearer " + token}}).status, 200U);
  }
}

TEST_F(AdminAccessTest, WithoutATokenNobodyMay) {
  start({.listen = "127.0.0.1:0"});
  for (const auto& [method, target, body] : guarded) {
    const auto reply = ask(method, target, body, {{"Authorization", "Bearer "}});
    EXPECT_EQ(reply.status, 403U) << target;
    EXPECT_THAT(reply.body, HasSubstr(method == "HEAD" ? "" : "AdminOptions::token"));
  }
  EXPECT_EQ(get("/api/v1/stats").status, 200U);
}

TEST_F(AdminAccessTest, TheTokenIsInNoAnswer) {
  start();
  for (const auto& [method, target, body] : guarded) {
    EXPECT_THAT(ask(method, target, body).body, Not(HasSubstr(token)));
  }
  EXPECT_THAT(get("/").body, Not(HasSubstr(token)));
  EXPECT_THAT(refused({.token = "short-secret"}), Not(HasSubstr("short-secret")));
}

TEST_F(AdminAccessTest, OnLoopbackItAnswersToItsOwnNamesOnly) {
  start();
  const std::string port = std::to_string(server_->port());
  for (const std::string host : {"localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:9390"}) {
    EXPECT_EQ(ask("GET", "/healthz", {}, {{"Host", host}}).status, 200U) << host;
  }
  for (const std::string& host :
       std::vector<std::string>{"evil.example", "evil.example:" + port, "localhost.evil.example",
                                "127.0.0.1.evil.example", "localhost.", "10.0.0.1"}) {
    EXPECT_EQ(ask("GET", "/healthz", {}, {{"Host", host}}).status, 421U) << host;
  }
}

TEST_F(AdminAccessTest, NoAnswerIsForOtherSites) {
  start();
  for (const std::string target : {"/", "/api/v1/stats", "/metrics", "/nothing"}) {
    const auto reply = ask("GET", target, {}, {{"Origin", "https://evil.example"}});
    EXPECT_EQ(reply.headers.count("Access-Control-Allow-Origin"), 0U);
    EXPECT_EQ(reply.header("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(reply.header("X-Frame-Options"), "DENY");
    EXPECT_EQ(reply.header("Cross-Origin-Resource-Policy"), "same-origin");
    EXPECT_THAT(reply.header("Content-Security-Policy"), HasSubstr("default-src 'none'"));
  }
}

TEST_F(AdminAccessTest, APublicAddressTakesTlsOrALeave) {
  for (const std::string address : {"0.0.0.0:0", "[::]:0"}) {
    EXPECT_THAT(refused({.listen = address}), HasSubstr("allow_plain_on_public_address"));
  }
  start({.listen = "0.0.0.0:0", .token = token, .allow_plain_on_public_address = true});
  EXPECT_EQ(ask("GET", "/healthz", {}, {{"Host", "localhost"}}).status, 200U);
  EXPECT_THAT(server_->url(), Not(HasSubstr("0.0.0.0")));
}

/// DNS rebinding: the name of a web site, made to point here.
TEST_F(AdminAccessTest, A05_OnAPublicAddressItAnswersToNamesItWasGiven) {
  start({.listen = "0.0.0.0:0",
         .token = token,
         .allow_plain_on_public_address = true,
         .hosts = {"Cache.Example", "10.1.2.3", "fd00::1"}});
  const auto status = [&](const std::string& host) { return ask("GET", "/", {}, {{"Host", host}}).status; };
  const std::string own = server_->url().substr(server_->url().rfind('/') + 1);
  for (const std::string& host :
       std::vector<std::string>{"cache.example", "CACHE.example:9390", "localhost", "127.0.0.1:1", "10.0.0.7",
                                "[fd00::2]:9390", "[::1]", own}) {
    EXPECT_EQ(status(host), 200U) << host;
  }
  for (const std::string host : {"evil.example", "cache.example.evil.example", "xcache.example",
                                 "10.0.0.7.evil.example", "1.2.3", "0x7f000001", "2130706433", "127.1"}) {
    const auto reply = ask("GET", "/", {}, {{"Host", host}});
    EXPECT_EQ(reply.status, 421U) << host;
    EXPECT_THAT(reply.body, HasSubstr("cache.example")) << "the names that it accepts";
    EXPECT_THAT(reply.body, HasSubstr("AdminOptions::hosts"));
  }
}

TEST_F(AdminAccessTest, OnLoopbackFurtherNamesCanBeGiven) {
  start({.listen = "127.0.0.1:0", .token = token, .hosts = {"cache.example"}});
  EXPECT_EQ(ask("GET", "/healthz", {}, {{"Host", "cache.example"}}).status, 200U);
  EXPECT_EQ(ask("GET", "/healthz", {}, {{"Host", "evil.example"}}).status, 421U);
  for (const std::string bad :
       {"", "https://cache.example", "cache.example:80", "a b", "[::1]", "*", "cafe\xcc\x81.example"}) {
    EXPECT_THAT(refused({.listen = "127.0.0.1:0", .hosts = {bad}}), HasSubstr("AdminOptions::hosts")) << bad;
  }
}

TEST_F(AdminAccessTest, A05_EveryUseOfTheTokenIsLoggedWithoutIt) {
  const Logged logged;
  start();
  cache_.set("secret-key", "secret-value").value();
  EXPECT_EQ(ask("GET", "/api/v1/caches/users/entry?key=secret-key").status, 200U);
  EXPECT_EQ(ask("POST", "/api/v1/caches/users/clear").status, 200U);
  const HttpHeaders wrong{{"Authorization", "Bearer wrong-guess-0123456"}};
  EXPECT_EQ(ask("DELETE", "/api/v1/caches/no%0acache/entry?key=k", {}, wrong).status, 401U);
  EXPECT_EQ(ask("GET", "/api/v1/stats").status, 200U);
  EXPECT_EQ(ask("GET", "/api/v1/caches/users/entry?key=k", {}, {}).status, 401U) << "no token, so no line";
  server_->close();
  EXPECT_EQ(logged.text(),
            "info admin: get of cache \"users\" from 127.0.0.1: allowed\n"
            "info admin: clear of cache \"users\" from 127.0.0.1: allowed\n"
            "warning admin: erase of cache \"no\\x0acache\" from 127.0.0.1: refused, wrong token\n");
}

TEST_F(AdminAccessTest, A05_TokensCannotBeGuessed) {
  const Logged logged;
  start();
  const auto guess = [&](HttpClient& client, const std::string& given) {
    return client.request("GET", "/api/v1/caches/users/explain?key=k", {},
                          {{"Authorization", "Bearer " + given}});
  };
  HttpClient known(server_->port()), stranger(server_->port());
  EXPECT_EQ(guess(known, token).status, 200U);
  int looked_at = 0;
  HttpReply last;
  for (int i = 0; i < 200; ++i) {
    last = guess(stranger, "guess-0123456789-" + std::to_string(i));
    looked_at += last.status == 401 ? 1 : 0;
  }
  EXPECT_GE(looked_at, 10);
  EXPECT_LT(looked_at, 100) << "one more each second";
  EXPECT_EQ(last.status, 429U);
  EXPECT_EQ(last.header("Retry-After"), "1");
  EXPECT_EQ(guess(stranger, token).status, 429U) << "otherwise a guess would be told from a wrong one";
  EXPECT_EQ(guess(known, token).status, 200U) << "who has shown the token does not wait";
  EXPECT_EQ(get("/healthz").status, 200U);
  server_->close();
  EXPECT_THAT(logged.text(), HasSubstr("further tokens from there have to wait"));
  EXPECT_THAT(logged.text(), Not(HasSubstr("guess-")));
  EXPECT_LT(logged.lines(), 110) << "no flood of lines";
}

TEST_F(AdminAccessTest, SpeaksTls) {
  const testing::TempDir place;
  const std::string certificate = place.file("admin.crt"), key = place.file("admin.key");
  testing::run_program({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
                        "-days", "2", "-subj", "/CN=terrace test", "-addext", "subjectAltName=IP:127.0.0.1"});
  start({.listen = "0.0.0.0:0", .token = token, .tls_certificate = certificate, .tls_key = key});
  EXPECT_THAT(server_->url(), HasSubstr("https://"));
  HttpClient client(server_->port(), certificate);
  EXPECT_EQ(
      client.request("PUT", "/api/v1/caches/users/entry?key=k", R"({"value": "v"})", with_token()).status,
      200U);
  EXPECT_EQ(client.request("GET", "/api/v1/caches/users/entry?key=k", {}, with_token()).json().at("value"),
            "v");
  HttpClient plain(server_->port());
  plain.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_ANY_THROW(plain.read()) << "no HTTP there";
  EXPECT_THROW(
      testing::run_program({"openssl", "s_client", "-connect", "127.0.0.1:" + std::to_string(server_->port()),
                            "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"}),
      std::runtime_error);
  EXPECT_EQ(client.request("GET", "/healthz").status, 200U);
  server_->close();
}

TEST_F(AdminAccessTest, FilesThatAreNoCertificateAreNamed) {
  const testing::TempDir place;
  const std::string none = place.file("none.pem"), other = place.file("other.pem");
  std::ofstream(other) << "hello";
  EXPECT_THAT(refused({.tls_certificate = none, .tls_key = none}), HasSubstr("none.pem"));
  EXPECT_THAT(refused({.tls_certificate = other, .tls_key = other}), HasSubstr("tls_certificate"));
  EXPECT_THAT(refused({.tls_certificate = none}), HasSubstr("tls_key is missing"));
  const std::string key = place.file("a.key"), wrong = place.file("b.key"), certificate = place.file("a.crt");
  const auto make = [&](const std::string& to) {
    testing::run_program({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                          "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", to, "-out", certificate,
                          "-days", "2", "-subj", "/CN=terrace test"});
  };
  make(wrong);
  make(key);
  EXPECT_THAT(refused({.listen = "127.0.0.1:0", .tls_certificate = certificate, .tls_key = wrong}),
              HasSubstr("tls_key"));
  testing::run_program({"openssl", "ec", "-in", key, "-aes256", "-passout", "pass:secret", "-out", wrong});
  EXPECT_THAT(refused({.listen = "127.0.0.1:0", .tls_certificate = certificate, .tls_key = wrong}),
              HasSubstr("without a password"));
}

TEST_F(AdminAccessTest, AnAddressThatCannotBeHadIsNamed) {
  start();
  const std::string taken = "127.0.0.1:" + std::to_string(server_->port());
  EXPECT_THAT(refused({.listen = taken}), HasSubstr(taken + " is in use"));
  for (const std::string bad : {"", "9390", ":9390", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http",
                                "127.0.0.1:65536", "127.0.0.1:-1", "::1:9390", "127.0.0.1:80 "}) {
    EXPECT_THAT(refused({.listen = bad}), HasSubstr("write HOST:PORT")) << bad;
  }
  EXPECT_THAT(refused({.listen = "no.such.host.invalid:0"}), HasSubstr("names no host"));
  EXPECT_THAT(refused({.listen = "192.0.2.1:0", .allow_plain_on_public_address = true}),
              HasSubstr("192.0.2.1:0"));
  EXPECT_THAT(refused({.token = "has a blank in it, though long"}), HasSubstr("token"));
  EXPECT_THAT(refused({.request_timeout = 0s}), HasSubstr("request_timeout"));
  EXPECT_EQ(refused({.listen = "localhost:0"}), "nothing");
}

}  // namespace
}  // namespace terrace
