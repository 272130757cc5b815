#include "support/postgres_server.hpp"

#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace terrace::testing {
namespace {

namespace fs = std::filesystem;

/// Debian keeps the programs out of PATH, in a folder for each version: the newest is taken.
std::string program(const std::string& name) {
  std::string found = find_program({name});
  std::error_code ignored;
  int newest = 0;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    const int number = std::atoi(version.path().filename().c_str());
    const fs::path candidate = version.path() / "bin" / name;
    if (number > newest && fs::exists(candidate)) {
      newest = number;
      found = candidate.string();
    }
  }
  return found;
}

/// Whom root becomes; null: this is not root.
const passwd* server_user() {
  if (::geteuid() != 0) return nullptr;
  const passwd* user = ::getpwnam("postgres");
  return user != nullptr ? user : ::getpwnam("nobody");
}

/// The command as the server's user. It still ends with the thread that starts it.
std::vector<std::string> as_server_user(std::vector<std::string> command) {
  const passwd* user = server_user();
  if (user == nullptr) return command;
  std::vector<std::string> whole{"setpriv",
                                 "--reuid=" + std::to_string(user->pw_uid),
                                 "--regid=" + std::to_string(user->pw_gid),
                                 "--clear-groups",
                                 "--pdeathsig=KILL",
                                 "--reset-env"};
  whole.insert(whole.end(), command.begin(), command.end());
  return whole;
}

void give_to_server_user(const fs::path& path) {
  const passwd* user = server_user();
  if (user != nullptr && ::chown(path.c_str(), user->pw_uid, user->pw_gid) != 0) {
    throw std::runtime_error("cannot give " + path.string() + " to the server's user");
  }
}

std::string text_of(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

}  // namespace

bool PostgresServer::available() {
  return !program("initdb").empty() && !program("psql").empty();
}

PostgresServer::PostgresServer(bool tls) : tls_(tls), port_(free_port()) {
  if (!available()) throw std::runtime_error("no initdb in PATH or /usr/lib/postgresql; install postgresql");
  give_to_server_user(place_.path());
  if (tls_) make_certificate();
  run_program(as_server_user({program("initdb"), "-D", place_.file("data"), "-U", "postgres", "-A", "trust",
                              "--no-sync", "--no-locale", "-E", "UTF8"}));
  std::ofstream(place_.file("data/pg_hba.conf")) << "local all all trust\n"
                                                    "host all postgres 127.0.0.1/32 trust\n"
                                                    "host all all 127.0.0.1/32 scram-sha-256\n";
  start();
}

PostgresServer::~PostgresServer() {
  kill9();
}

std::string PostgresServer::url(const std::string& user, int port) const {
  return "postgresql://" + user + "@127.0.0.1:" + std::to_string(port != 0 ? port : port_) + "/postgres";
}

std::string PostgresServer::log() const {
  return text_of(place_.file("log"));
}

void PostgresServer::make_certificate() const {
  run_program({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
               "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
               "-keyout", place_.file("server.key"), "-out", certificate()});
  give_to_server_user(place_.file("server.key"));
}

void PostgresServer::start() {
  std::vector<std::string> command{program("postgres"), "-D", place_.file("data")};
  const auto set = [&command](const std::string& setting) { command.insert(command.end(), {"-c", setting}); };
  for (const char* setting : {"fsync=off", "full_page_writes=off", "shared_buffers=32MB",
                              "max_connections=60", "listen_addresses=127.0.0.1"}) {
    set(setting);
  }
  set("port=" + std::to_string(port_));
  set("unix_socket_directories=" + place_.path().string());
  if (tls_) {
    for (const std::string& setting : {std::string("ssl=on"), "ssl_cert_file=" + certificate(),
                                       "ssl_key_file=" + place_.file("server.key")}) {
      set(setting);
    }
  }
  process_ = ChildProcess(as_server_user(command), place_.file("log"));
  const bool answers = eventually([this] {
    if (!process_.running()) return true;
    try {
      return sql("SELECT 1") == "1";
    } catch (const std::runtime_error&) {
      return false;
    }
  });
  if (!answers || !process_.running()) throw std::runtime_error("postgres does not start: " + log());
}

void PostgresServer::stop() {
  process_.signal(SIGINT);  // SIGTERM would wait for the clients to leave
  eventually([this] { return !process_.running(); });
  process_.stop();
}

void PostgresServer::kill9() {
  const auto all = family();
  signal_family(SIGKILL);
  process_.kill9();
  eventually([&] {
    return std::ranges::all_of(all,
                               [](pid_t pid) { return ::kill(pid, 0) != 0 || process_state(pid) == 'Z'; });
  });
}

void PostgresServer::freeze() {
  process_.signal(SIGSTOP);  // first, so that it starts no more
  signal_family(SIGSTOP);
  eventually([this] {
    return std::ranges::all_of(family(), [](pid_t pid) {
      return std::string_view("TZ?").find(process_state(pid)) != std::string_view::npos;
    });
  });
}

void PostgresServer::thaw() {
  signal_family(SIGCONT);
}

std::vector<pid_t> PostgresServer::family() const {
  if (process_.pid() <= 0) return {};
  const std::string main = std::to_string(process_.pid());
  std::vector<pid_t> all{process_.pid()};
  std::istringstream children(text_of("/proc/" + main + "/task/" + main + "/children"));
  for (pid_t child = 0; children >> child;) all.push_back(child);
  return all;
}

void PostgresServer::signal_family(int number) const {
  for (const pid_t pid : family()) ::kill(pid, number);
}

std::string PostgresServer::sql(const std::string& statement) const {
  std::string text = run_program({program("psql"), "-X", "-A", "-t", "-q", "-h", place_.path().string(), "-p",
                                  std::to_string(port_), "-U", "postgres", "-c", statement});
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace terrace::testing
