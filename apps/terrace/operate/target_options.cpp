#include "operate/target_options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "service/config_stores.hpp"
#include "units.hpp"
#include "usage_error.hpp"

namespace terrace::cli {
namespace {

/// Throws UsageError, which does not show it.
std::string checked(std::string token, const std::string& source) {
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  const bool sound =
      !token.empty() && std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!sound)
    throw UsageError(source + " contains no token: write one line of printable characters without blanks");
  return token;
}

std::string token_of(const std::string& file) {
  if (file.empty()) {
    const char* const set = std::getenv("TERRACE_ADMIN_TOKEN");
    return set == nullptr || *set == '\0' ? std::string() : checked(set, "TERRACE_ADMIN_TOKEN");
  }
  std::ifstream in(file, std::ios::binary);
  std::string text(4097, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (in.bad() || (!in && !in.eof())) throw UsageError("--token-file " + file + " cannot be read");
  if (text.size() > 4096)
    throw UsageError("--token-file " + file + " is larger than 4096 bytes: name the file of the token");
  return checked(std::move(text), "--token-file " + file);
}

}  // namespace

void TargetOptions::add_to(CLI::App& command) {
  CLI::Option* const to =
      command
          .add_option("--server", server,
                      "URL of `terrace serve`, or of a program's own admin endpoint (" + server + ")")
          ->option_text("URL")
          ->capture_default_str();
  command
      .add_option("--token-file", token_file, "File with the endpoint's token; default: TERRACE_ADMIN_TOKEN")
      ->option_text("FILE");
  command.add_option("--ca", ca, "CA of the endpoint's certificate, PEM; default: the system's")
      ->option_text("FILE");
  command.add_option("--config", config, "Use the tiers of a configuration directly, without a server")
      ->option_text("FILE")
      ->excludes(to);
  command.add_option("--timeout", timeout, "Longest time for the answer (" + timeout + ")")
      ->option_text("DURATION")
      ->capture_default_str();
  command.add_flag("--json", json, "Print JSON, on one line");
}

Duration TargetOptions::limit() const {
  const Duration parsed = parse_duration(timeout, "--timeout", std::chrono::seconds(1));
  if (parsed <= Duration::zero()) throw UsageError("--timeout is not above zero: give a time such as 5s");
  return parsed;
}

ServerAddress TargetOptions::address() const {
  ServerAddress address{server, token_of(token_file), ca, limit()};
  const std::string host = config::host_of(server);
  if (!address.token.empty() && server.starts_with("http://") && !config::is_loopback(host)) {
    fmt::print(stderr, "terrace: the token is sent without encryption; use https:// to protect it\n");
  }
  return address;
}

std::unique_ptr<Target> TargetOptions::open() const {
  if (is_direct()) return make_direct_target(config, limit());
  return make_http_target(address());
}

}  // namespace terrace::cli
