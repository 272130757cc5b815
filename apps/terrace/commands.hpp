#pragma once
/// The subcommands of `terrace`. Each add function declares its options; the callback of the subcommand runs
/// it and sets the exit code. UsageError, traces::TraceError and ConfigError leave the callback for main().

namespace CLI {
class App;
}

namespace terrace::cli {

void add_config_command(CLI::App& app, int& exit_code);
/// Hidden; describes what the app has, so it is added last.
void add_describe_command(CLI::App& app, int& exit_code);
void add_doctor_command(CLI::App& app, int& exit_code);
void add_erase_command(CLI::App& app, int& exit_code);
void add_explain_command(CLI::App& app, int& exit_code);
void add_get_command(CLI::App& app, int& exit_code);
void add_invalidate_command(CLI::App& app, int& exit_code);
void add_keys_command(CLI::App& app, int& exit_code);
void add_journal_command(CLI::App& app, int& exit_code);
void add_replay_command(CLI::App& app, int& exit_code);
void add_ring_command(CLI::App& app, int& exit_code);
void add_serve_command(CLI::App& app, int& exit_code);
void add_set_command(CLI::App& app, int& exit_code);
void add_simulate_command(CLI::App& app, int& exit_code);
void add_stats_command(CLI::App& app, int& exit_code);
void add_top_command(CLI::App& app, int& exit_code);
void add_warm_command(CLI::App& app, int& exit_code);
void add_workload_command(CLI::App& app, int& exit_code);

}  // namespace terrace::cli
