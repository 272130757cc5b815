#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <stdexcept>
#include <terrace/admin.hpp>
#include <terrace/caches.hpp>

#include "commands.hpp"
#include "end_signals.hpp"
#include "exit_code.hpp"
#include "service_manager.hpp"

namespace terrace::cli {
namespace {

struct ServeArguments {
  std::string config;
  std::string listen;
};

AdminOptions admin_options(const Config& config, const ServeArguments& arguments) {
  AdminOptions options = config.admin().value_or(AdminOptions());
  if (!arguments.listen.empty()) options.listen = arguments.listen;
  return options;
}

int serve(const ServeArguments& arguments) {
  spdlog::set_level(spdlog::level::info);
  EndSignals end;
  const Config config = Config::load(arguments.config);
  for (const ConfigFinding& finding : config.findings()) {
    fmt::print(stderr, "terrace: {}\n", to_string(finding, arguments.config));
  }
  const auto caches = Caches::open(config);
  const std::vector<CacheHandle> handles = caches->handles();
  AdminServer server(admin_options(config, arguments), caches->monitor(), caches->metrics());
  for (const CacheHandle& cache : handles) server.add(cache);
  fmt::print("{}\n", server.url());
  if (std::fflush(stdout) != 0) throw std::runtime_error("standard output cannot be written");
  const char* const without_token =
      !config.admin() || config.admin()->token.empty()
          ? "; without a token under [admin], keys and values cannot be seen or changed"
          : "";
  const std::string what =
      fmt::format("serving {} {}", handles.size(), handles.size() == 1 ? "cache" : "caches");
  tell_service_manager(fmt::format("READY=1\nSTATUS={} at {}", what, server.url()));
  fmt::print(stderr, "terrace: {}{}; Ctrl-C ends it\n", what, without_token);
  end.wait();
  tell_service_manager("STOPPING=1");
  server.close();
  caches->close();
  return exit_ok;
}

}  // namespace

void add_serve_command(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ServeArguments>();
  CLI::App* const command =
      app.add_subcommand("serve", "Serves the caches of a configuration: status page, metrics, JSON API");
  command->add_option("--config", arguments->config, "The configuration (required)")
      ->option_text("FILE")
      ->required();
  command
      ->add_option("--listen", arguments->listen,
                   "Address to listen on, overrides [admin]; port 0: any free port")
      ->option_text("HOST:PORT");
  command->footer(
      "Opens the caches of FILE, with values of any type, over the same tiers as the programs that\n"
      "use them, and prints its address. SIGINT and SIGTERM shut it down in order. Notifies systemd\n"
      "when it is ready (Type=notify).\n\n"
      "Examples:\n"
      "  terrace serve --config terrace.toml\n"
      "  terrace serve --config terrace.toml --listen 127.0.0.1:0");
  command->callback([arguments, &exit_code] { exit_code = serve(*arguments); });
}

}  // namespace terrace::cli
