// A real Prometheus scrapes the server.
#include <fstream>

#include "service/admin_fixture.hpp"

namespace terrace {
namespace {

TEST_F(AdminTest, PrometheusScrapesIt) {
  const std::string program = testing::find_program({"prometheus"});
  ASSERT_FALSE(program.empty()) << "prometheus is not installed: `make setup` installs it";
  start();
  cache_.set("k", "v").value();
  for (int i = 0; i < 7; ++i) (void)cache_.get("k");

  const testing::TempDir place;
  const auto port = static_cast<unsigned short>(testing::free_port());
  std::ofstream(place.file("prometheus.yml"))
      << "scrape_configs:\n  - job_name: terrace\n    scrape_interval: 1s\n    static_configs:\n"
      << "      - targets: ['127.0.0.1:" << server_->port() << "']\n";
  testing::ChildProcess prometheus(
      {program, "--config.file=" + place.file("prometheus.yml"), "--storage.tsdb.path=" + place.file("data"),
       "--web.listen-address=127.0.0.1:" + std::to_string(port)},
      place.file("log"));
  std::string last;
  const auto scraped = [&] {
    try {
      last =
          HttpClient(port)
              .request("GET",
                       "/api/v1/query?query=terrace_hits_total%7Bcache%3D%22users%22,level%3D%22memory%22%7D")
              .body;
      const auto found = boost::json::parse(last).at("data").at("result").as_array();
      return !found.empty() && found[0].at("value").at(1) == "7";
    } catch (const std::exception&) {
      return false;  // it is not up yet
    }
  };
  std::ostringstream log;
  EXPECT_TRUE(testing::eventually(scraped, 60s))
      << last << "\n"
      << (log << std::ifstream(place.file("log")).rdbuf(), log.str());
}

}  // namespace
}  // namespace terrace
