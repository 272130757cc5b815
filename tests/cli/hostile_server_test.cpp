/// What the commands make of servers that are not what they seem, and of servers over TLS.

#include "cli/operated.hpp"
#include "operate/json_fields.hpp"
#include "operate/terminal_text.hpp"
#include "support/http_server.hpp"

namespace terrace::cli_test {
namespace {

using namespace terrace::cli;
using ::testing::HasSubstr;
using testing::HttpServer;
using ::testing::Not;
namespace json = boost::json;

HttpServer::Plan always(unsigned status) {
  return [status](std::size_t) { return status; };
}

std::vector<std::string> at(const HttpServer& server, std::vector<std::string> words) {
  words.insert(words.end(), {"--server", server.url()});
  return words;
}

TEST(TerminalText, WhatATerminalWouldObeyIsShownInstead) {
  EXPECT_EQ(harmless(std::string_view("a\x1b[2J\r\n\x7f b")), "a\\x1b[2J\\x0d\\x0a\\x7f b");
  EXPECT_EQ(harmless(std::string_view("\xc2\x9b"
                                      "2J")),
            "\\u009b2J")
      << "C1";
  EXPECT_EQ(harmless(std::string_view("\xe2\x80\xae"
                                      "x")),
            "\\u202ex")
      << "right to left";
  EXPECT_EQ(harmless(std::string_view("\xff\xc3")), "\\xff\\xc3") << "no UTF-8";
  EXPECT_EQ(harmless(std::string_view("Ä…🙂")), "Ä…🙂");
  const json::value value{{"k\xc2\x9b", "\x7f\xe2\x80\xae\n"}};
  EXPECT_EQ(harmless_json(value), R"({"k\u009b":"\u007f\u202e\n"})");
  EXPECT_EQ(json::parse(harmless_json(value)), value);
}

TEST(TerminalText, IsMeasuredAndCutInCharacters) {
  EXPECT_EQ(width("aÄ…"), 3U);
  EXPECT_EQ(cut("aÄ…z", 3), "aÄ…");
  EXPECT_EQ(cut("aÄ", 9), "aÄ");
  EXPECT_EQ(cut("aÄ", 0), "");
}

TEST(JsonFields, WhatIsMissingOrOfAnotherTypeIsNothing) {
  const auto given = json::parse(R"({"n": -1, "big": 1e300, "s": "x", "o": [1], "null": null})").as_object();
  EXPECT_EQ(count(given, "n"), 0U);
  EXPECT_EQ(shown_count(given, "s"), "-");
  EXPECT_EQ(shown_bytes(given, "none"), "-");
  EXPECT_EQ(shown_count(given, "big"), "9,000,000,000,000,000");
  EXPECT_EQ(shown_seconds(number(given, "big")).empty(), false);
  EXPECT_TRUE(object(given, "o").empty());
  EXPECT_TRUE(array(given, "s").empty());
  EXPECT_EQ(text(given, "null"), "");
}

TEST(HostileServer, ItsTextCannotCommandTheTerminal) {
  const HttpServer server(always(200), {}, R"({"healthy": false, "caches": [{"name": "a\u001b[2Jb",
    "issues": [{"what": "x\u009by", "kind": "?"}], "levels": [{"name": "\u202el", "hits": "many",
    "entries": -5, "p99_us": 1e300, "latency": {"count": 1}}]}, 7, null],
    "alerts": [{"rule": "r\n", "message": "\u0007"}], "value": "\u001b]0;x\u0007", "kind": "hit"})");
  for (const auto& words : std::vector<std::vector<std::string>>{{"stats"},
                                                                 {"stats", "--json"},
                                                                 {"top", "--once"},
                                                                 {"doctor"},
                                                                 {"get", "c", "k"},
                                                                 {"explain", "c", "k"},
                                                                 {"erase", "c", "k"}}) {
    const Ended ended = terrace(at(server, words));
    EXPECT_LE(ended.code, 2) << words[0] << ended.err;
    for (const std::string& said : {ended.out, ended.err}) {
      for (const char* harmful : {"\x1b", "\xc2\x9b", "\xe2\x80\xae", "\x07"})
        EXPECT_THAT(said, Not(HasSubstr(harmful))) << words[0];
    }
  }
  EXPECT_THAT(terrace(at(server, {"stats"})).out, HasSubstr("a\\x1b[2Jb: not healthy"));
}

TEST(HostileServer, ItsErrorsAreToldHarmlessly) {
  const HttpServer server(always(503), {}, R"({"error": {"kind": "unavailable", "message": "a\u001b[2J"}})");
  const Ended ended = terrace(at(server, {"get", "c", "k"}));
  EXPECT_EQ(ended.code, exit_failed);
  EXPECT_EQ(ended.err, "terrace: a\\x1b[2J\n");
}

TEST(HostileServer, WhatIsNoAdminEndpointIsToldSo) {
  for (const char* body : {"<html>", "", "[1]", "{\"a\":"}) {
    const HttpServer server(always(200), {}, body);
    const Ended ended = terrace(at(server, {"stats"}));
    EXPECT_EQ(ended.code, exit_failed) << body;
    EXPECT_THAT(ended.err, HasSubstr("it is not an admin endpoint of terrace")) << body;
  }
  std::string deep(100'000, '[');
  const HttpServer server(always(200), {}, deep);
  EXPECT_EQ(terrace(at(server, {"stats"})).code, exit_failed);
}

TEST(HostileServer, OneThatHangsIsGivenUp) {
  const HttpServer server(always(HttpServer::hangs));
  // 5 s more than was asked for: the server is to tell of its own limit.
  const Ended ended = terrace(at(server, {"stats", "--timeout", "1ms"}));
  EXPECT_EQ(ended.code, exit_failed);
  EXPECT_THAT(ended.err, HasSubstr("no answer in time"));
}

TEST_F(Operated, TlsIsCheckedAgainstTheGivenAuthority) {
  testing::make_certificate(folder_.path(""), "IP:127.0.0.1");
  const std::string config = folder_.file(
      "tls.toml", std::string("[admin]\nlisten = \"127.0.0.1:0\"\ntoken = \"") + admin_token +
                      "\"\ntls_certificate = \"" + folder_.path("server.crt") + "\"\ntls_key = \"" +
                      folder_.path("server.key") + "\"\n[caches.c]\nttl = \"1m\"\n");
  Program served({"serve", "--config", config});
  ASSERT_TRUE(testing::eventually([&] { return served.out().find('\n') != std::string::npos; }))
      << served.err();
  const std::string address = served.out().substr(0, served.out().find('\n'));
  EXPECT_THAT(address, ::testing::StartsWith("https://"));
  const std::string ca = folder_.path("server.crt");
  const Ended stored =
      terrace({"set", "c", "k", "1", "--server", address, "--token-file", token_file_, "--ca", ca});
  EXPECT_EQ(stored.code, exit_ok) << stored.err;
  EXPECT_EQ(terrace({"doctor", "--server", address, "--token-file", token_file_, "--ca", ca}).code, exit_ok);
  const Ended untrusted = terrace({"stats", "--server", address});
  EXPECT_EQ(untrusted.code, exit_failed);
  EXPECT_THAT(untrusted.err, HasSubstr("certificate is not accepted"));
  EXPECT_EQ(terrace({"stats", "--server", address, "--ca", folder_.path("none")}).code, exit_usage);
}

}  // namespace
}  // namespace terrace::cli_test
