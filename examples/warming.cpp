// Fills a cache before users ask: from a list of tasks, and from the hottest keys of an access log.
//
//   example_warming                 generates a small log
//   example_warming ACCESS.LOG      a web server log in the common or combined format
#include <filesystem>
#include <fstream>
#include <iostream>
#include <terrace/cache.hpp>
#include <terrace/warmer.hpp>

namespace {

std::string load_page(std::string_view path) {
  if (path == "/broken") throw std::runtime_error("the template has a typo");
  return "<h1>" + std::string(path) + "</h1>";
}

std::filesystem::path generated_log() {
  const auto path = std::filesystem::temp_directory_path() / "terrace_example_access.log";
  std::ofstream log(path);
  for (const char* page : {"/news", "/broken", "/news", "/about", "/news", "/broken"})
    log << "::1 - - [26/Nov/2026:10:00:00 +0000] \"GET " << page << " HTTP/1.1\" 200 512\n";
  return path;
}

}  // namespace

int main(int argc, char** argv) try {
  using namespace std::chrono_literals;
  terrace::Cache<std::string> pages({.name = "pages", .ttl = 10min});

  terrace::Warmer<std::string> warmer(
      pages, {.concurrency = 16, .attempts = 2, .progress = [](const terrace::WarmProgress& p) {
                std::cout << p.ended() << " of " << p.total << '\n';
              }});
  warmer.add("/", [] { return load_page("/"); }, {.ttl = 1h, .tags = {"start page"}});
  std::vector<std::string> hot;
  for (const auto& [key, requests] :
       terrace::hottest_keys(argc > 1 ? argv[1] : generated_log(), {.top = 100})) {
    std::cout << key << " was requested " << requests << " times\n";
    hot.push_back(key);
  }
  warmer.add_keys(hot, load_page);

  const terrace::WarmReport report = warmer.run();
  std::cout << report.warmed << " warmed, " << report.present << " already present, " << report.failed
            << " failed in " << std::chrono::duration_cast<std::chrono::milliseconds>(report.elapsed).count()
            << " ms\n";
  for (const auto& failure : report.failures)
    std::cout << failure.key << ": " << failure.error.message() << " (" << failure.attempts << " attempts)\n";
  return pages.get("/") ? 0 : 1;
} catch (const terrace::ConfigError& error) {
  std::cerr << error.what() << '\n';
  return 2;
}
