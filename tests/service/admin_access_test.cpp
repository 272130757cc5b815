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
  start();
  for (const auto& [method, target, body] : guarded) {
    SCOPED_TRACE(method + " " + target);
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
                                "127.0.0.1.evil.example", "[::1", "", "10.0.0.1"}) {
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
  EXPECT_EQ(ask("GET", "/healthz", {}, {{"Host", "any.example"}}).status, 200U);
  EXPECT_THAT(server_->url(), Not(HasSubstr("0.0.0.0")));
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
