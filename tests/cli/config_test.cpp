/// `terrace config`: the real program on files.

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fstream>

#include "cli/program.hpp"
#include "exit_code.hpp"
#include "support/redis_server.hpp"

namespace terrace::cli_test {
namespace {

using namespace terrace::cli;
using ::testing::HasSubstr;

class ConfigCommand : public ::testing::Test {
 protected:
  std::string file(const std::string& text) const {
    const std::string path = folder_.path("terrace.toml");
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  TempFolder folder_;
};

TEST_F(ConfigCommand, NamesMistakesWithTheirLines) {
  const std::string path = file("[caches.a]\nttl = 600\nttl_jitter = 0\nmax_entrys = 1\n");
  const Ended ended = terrace({"config", "check", path});
  EXPECT_EQ(ended.code, exit_usage);
  EXPECT_THAT(ended.out, HasSubstr(path + ":2: mistake: caches.a.ttl: 600 has no unit"));
  EXPECT_THAT(ended.out, HasSubstr(path + ":3: warning: caches.a.ttl_jitter: is 0"));
  EXPECT_THAT(ended.out, HasSubstr(path + ":4: mistake: caches.a.max_entrys: is an unknown key"));
  EXPECT_THAT(ended.err, HasSubstr("2 mistakes, 1 warning\n"));
}

TEST_F(ConfigCommand, IsContentWithWarnings) {
  const Ended ended = terrace({"config", "check", file("[caches.a]\nttl = \"1m\"\nttl_jitter = 0\n")});
  EXPECT_EQ(ended.code, exit_ok);
  EXPECT_THAT(ended.out, HasSubstr("warning"));
  const Ended clean = terrace({"config", "check", file("[caches.a]\nttl = \"1m\"\n")});
  EXPECT_EQ(clean.code, exit_ok);
  EXPECT_EQ(clean.out, "");
}

TEST_F(ConfigCommand, SpeaksJson) {
  const Ended ended = terrace({"config", "check", "--json", file("[caches.a]\nttl = 600\n")});
  EXPECT_EQ(ended.code, exit_usage);
  const auto value = boost::json::parse(ended.out);
  EXPECT_EQ(value.at("mistakes").as_int64(), 1);
  EXPECT_EQ(value.at("warnings").as_int64(), 0);
  const auto& finding = value.at("findings").at(0);
  EXPECT_EQ(finding.at("kind").as_string(), "mistake");
  EXPECT_EQ(finding.at("line").as_int64(), 2);
  EXPECT_EQ(finding.at("where").as_string(), "caches.a.ttl");
}

TEST_F(ConfigCommand, AsksTheServersWhenTold) {
  testing::RedisServer server;
  const std::string path =
      file("[tiers.r]\nurl = \"" + server.url() + "\"\n[caches.a]\ntiers = [\"r\"]\nttl = \"1m\"\n");
  EXPECT_THAT(terrace({"config", "check", path}).out, ::testing::Not(HasSubstr("maxmemory")));
  const Ended up = terrace({"config", "check", path, "--connect"});
  EXPECT_EQ(up.code, exit_ok) << up.out << up.err;
  EXPECT_THAT(up.out, HasSubstr(path + ":2: warning: tiers.r.url: "));
  EXPECT_THAT(up.out, HasSubstr("has no maxmemory"));
  server.stop();
  const Ended down = terrace({"config", "check", path, "--connect", "--timeout", "500ms"});
  EXPECT_EQ(down.code, exit_usage);
  EXPECT_THAT(down.out, HasSubstr(path + ":2: mistake: tiers.r.url: "));
}

TEST_F(ConfigCommand, PrintsAnExampleThatIsSound) {
  const Ended example = terrace({"config", "example"});
  EXPECT_EQ(example.code, exit_ok);
  const Ended ended = terrace({"config", "check", file(example.out)});
  EXPECT_EQ(ended.code, exit_ok) << ended.out << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("0 mistakes"));
}

TEST_F(ConfigCommand, TellsWhatIsNoFile) {
  const Ended ended = terrace({"config", "check", folder_.path("nothing")});
  EXPECT_EQ(ended.code, exit_usage);
  EXPECT_THAT(ended.out, HasSubstr("nothing: mistake: cannot be read"));
}

}  // namespace
}  // namespace terrace::cli_test
