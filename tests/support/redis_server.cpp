#include "support/redis_server.hpp"

#include <signal.h>

#include <cstdint>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace terrace::testing {
namespace {

std::string server_program() {
  return find_program({"redis-server", "valkey-server"});
}
std::string cli_program() {
  return find_program({"redis-cli", "valkey-cli"});
}

}  // namespace

bool RedisServer::available() {
  return !server_program().empty() && !cli_program().empty();
}

RedisServer::RedisServer(RedisServerOptions options)
    : options_(std::move(options)), port_(options_.port != 0 ? options_.port : free_port()) {
  if (!available()) throw std::runtime_error("no redis-server or valkey-server in PATH; install one");
  if (options_.tls) make_certificates();
  if (options_.own_clock) set_clock({});
  start();
}

void RedisServer::set_clock(std::chrono::nanoseconds ahead) const {
  const std::int64_t count = ahead.count();
  std::fstream file(place_.file("clock"), std::ios::binary | std::ios::in | std::ios::out);
  if (!file) file.open(place_.file("clock"), std::ios::binary | std::ios::out);
  file.write(reinterpret_cast<const char*>(&count), sizeof count);
}

std::string RedisServer::url() const {
  return (options_.tls ? "rediss://" : "redis://") + secret() + "127.0.0.1:" + std::to_string(port_);
}

std::string RedisServer::log() const {
  std::ostringstream text;
  text << std::ifstream(place_.file("log")).rdbuf();
  return text.str();
}

/// An authority (ca.crt) and a certificate of the server signed by it.
void RedisServer::make_certificates() const {
  const auto request = [](const std::vector<std::string>& more) {
    std::vector<std::string> command{
        "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"};
    command.insert(command.end(), more.begin(), more.end());
    run_program(command);
  };
  const std::string ca = place_.file("ca"), server = place_.file("server");
  request({"-x509", "-keyout", ca + ".key", "-out", ca + ".crt", "-days", "3", "-subj",
           "/CN=terrace test authority"});
  request({"-keyout", server + ".key", "-out", server + ".csr", "-subj", "/CN=terrace test server"});
  const std::string names = "subjectAltName=" + options_.tls_names + "\n";
  if (options_.tls_expired) {
    // Only `openssl ca` takes dates in the past in every version.
    std::ofstream(place_.file("index"));
    std::ofstream(server + ".cnf")
        << "[ca]\ndefault_ca=one\n[one]\ndatabase=" << place_.file("index")
        << "\nnew_certs_dir=" << place_.file("")
        << "\nrand_serial=yes\ndefault_md=sha256\npolicy=any\nx509_extensions=names\n"
        << "[any]\ncommonName=supplied\n[names]\n"
        << names;
    run_program({"openssl", "ca", "-batch", "-notext", "-config", server + ".cnf", "-cert", ca + ".crt",
                 "-keyfile", ca + ".key", "-in", server + ".csr", "-out", server + ".crt", "-startdate",
                 "20200101000000Z", "-enddate", "20200102000000Z"});
    return;
  }
  std::ofstream(server + ".ext") << names;
  run_program({"openssl", "x509", "-req", "-in", server + ".csr", "-CA", ca + ".crt", "-CAkey", ca + ".key",
               "-CAcreateserial", "-out", server + ".crt", "-days", "2", "-extfile", server + ".ext"});
}

void RedisServer::start() {
  const std::string port = std::to_string(port_);
  std::vector<std::string> command{server_program(),
                                   "--bind",
                                   "127.0.0.1",
                                   "--save",
                                   "",
                                   "--appendonly",
                                   "no",
                                   "--dir",
                                   place_.path().string(),
                                   "--port",
                                   options_.tls ? "0" : port};
  const auto add = [&command](std::initializer_list<std::string> more) {
    command.insert(command.end(), more);
  };
  if (options_.tls) {
    add({"--tls-port", port, "--tls-auth-clients", "no", "--tls-ca-cert-file", ca_file(), "--tls-cert-file",
         place_.file("server.crt"), "--tls-key-file", place_.file("server.key")});
  }
  if (options_.unix_socket) add({"--unixsocket", socket_path()});
  if (!options_.password.empty()) add({"--requirepass", options_.password});
  command.insert(command.end(), options_.arguments.begin(), options_.arguments.end());
  if (options_.own_clock) {
    const std::vector<std::string> with_clock = {find_program({"env"}), "LD_PRELOAD=" TERRACE_OWN_CLOCK,
                                                 "TERRACE_CLOCK=" + place_.file("clock")};
    command.insert(command.begin(), with_clock.begin(), with_clock.end());
  }
  process_ = ChildProcess(command, place_.file("log"));

  const bool answers = eventually([this] {
    if (!process_.running()) return true;
    try {
      return cli({"PING"}) == "PONG";
    } catch (const std::runtime_error&) {
      return false;
    }
  });
  if (!answers || !process_.running()) throw std::runtime_error("redis-server does not start: " + log());
}

void RedisServer::stop() {
  process_.stop();
}

void RedisServer::thaw() {
  process_.signal(SIGCONT);
}

void RedisServer::freeze() {
  process_.signal(SIGSTOP);
  eventually([this] { return process_state(process_.pid()) == 'T'; });
}

std::vector<std::string> RedisServer::cli_command() const {
  std::vector<std::string> command{cli_program(), "-h", "127.0.0.1", "-p", std::to_string(port_)};
  if (options_.tls) command.insert(command.end(), {"--tls", "--insecure"});
  if (!options_.password.empty())
    command.insert(command.end(), {"--no-auth-warning", "-a", options_.password});
  return command;
}

std::string RedisServer::cli(const std::vector<std::string>& arguments) const {
  auto command = cli_command();
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::string text = run_program(command);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

}  // namespace terrace::testing
