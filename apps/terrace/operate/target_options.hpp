#pragma once
/// TargetOptions: the options by which commands say which caches they mean.

#include <memory>
#include <string>

#include "operate/target.hpp"

namespace CLI {
class App;
}

namespace terrace::cli {

struct TargetOptions {
  std::string server = "http://127.0.0.1:9390";
  std::string token_file;
  std::string ca;
  std::string config;
  std::string timeout = "10s";
  bool json = false;

  void add_to(CLI::App& command);
  /// --config was given.
  [[nodiscard]] bool is_direct() const noexcept { return !config.empty(); }
  /// Throws UsageError, ConfigError.
  [[nodiscard]] Duration limit() const;
  [[nodiscard]] ServerAddress address() const;
  [[nodiscard]] std::unique_ptr<Target> open() const;
};

}  // namespace terrace::cli
