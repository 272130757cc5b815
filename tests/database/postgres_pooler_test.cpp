/// A PgBouncer between the tier and the server. In transaction mode it lends one session to many clients by turns:
/// settings of one client would reach the others, and prepared statements meet.

#include <pwd.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "database/postgres_test.hpp"
#include "support/child_process.hpp"

namespace terrace::database {
namespace {

using namespace std::chrono_literals;

class PgBouncer {
 public:
  PgBouncer(int server_port, const std::string& mode, int pool_size) : port_(testing::free_port()) {
    std::ofstream(place_.file("pgbouncer.ini"))
        << "[databases]\npostgres = host=127.0.0.1 port=" << server_port << " user=postgres\n"
        << "[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " << port_
        << "\nauth_type = any\nunix_socket_dir =\nignore_startup_parameters = extra_float_digits\npool_mode "
           "= "
        << mode << "\ndefault_pool_size = " << pool_size << "\n";
    std::vector<std::string> command{program(), place_.file("pgbouncer.ini")};
    if (::geteuid() == 0) {  // it does not run as root
      std::filesystem::permissions(place_.path(), std::filesystem::perms(0755));
      command.insert(command.begin(),
                     {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--pdeathsig=KILL"});
    }
    process_ = testing::ChildProcess(command, place_.file("log"));
    if (!testing::eventually([this] { return answers(); }))
      throw std::runtime_error("PgBouncer does not answer");
  }

  static std::string program() {
    const std::string found = testing::find_program({"pgbouncer"});
    return found.empty() && std::filesystem::exists("/usr/sbin/pgbouncer") ? "/usr/sbin/pgbouncer" : found;
  }
  [[nodiscard]] std::string url() const {
    return "postgresql://postgres@127.0.0.1:" + std::to_string(port_) + "/postgres";
  }

 private:
  [[nodiscard]] bool answers() const {
    PGconn* const connection = PQconnectdb(url().c_str());
    const bool fine = PQstatus(connection) == CONNECTION_OK;
    PQfinish(connection);
    return fine;
  }

  testing::TempDir place_;
  const int port_;
  testing::ChildProcess process_;
};

/// The first column of the first row.
std::string ask(const std::string& url, const char* sql) {
  const RawPostgres client(url);
  PGresult* const result = PQexec(client.get(), sql);
  std::string text = PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : PQresultErrorMessage(result);
  PQclear(result);
  return text;
}

class PostgresPooler : public PostgresTest {
 protected:
  void SetUp() override {
    if (PgBouncer::program().empty()) GTEST_SKIP() << "no pgbouncer: install it";
  }
};

/// What a session of the server has besides its defaults. PgBouncer itself sets the application's name for each client.
constexpr const char* session_state =
    "SELECT (SELECT count(*) FROM pg_prepared_statements) || ' statements, ' || coalesce((SELECT "
    "string_agg(name, ' ' ORDER BY name) FROM pg_settings WHERE source = 'session' AND name <> "
    "'application_name'), '')";

TEST_F(PostgresPooler, InTransactionModeItIsRefusedInWordsAndNothingIsSetInItsSessions) {
  const PgBouncer pooler(server().port(), "transaction", 5);
  const std::string before = ask(pooler.url(), session_state);
  for (int process = 0; process < 2; ++process) {
    const auto tier = make({.url = pooler.url()});
    const Result<Found> found = get(*tier, "k");
    EXPECT_EQ(found.error(), Errc::incompatible) << found.error().message();
    EXPECT_NE(found.error().context.find("PgBouncer"), std::string::npos) << found.error().message();
    EXPECT_NE(found.error().context.find("pool_mode"), std::string::npos) << found.error().message();
    EXPECT_EQ(set(*tier, "k", "1").error(), Errc::incompatible);
    EXPECT_EQ(ask(pooler.url(), session_state), before);
  }
}

TEST_F(PostgresPooler, InSessionModeItIsUsed) {
  const PgBouncer pooler(server().port(), "session", 10);
  const auto tier = make({.url = pooler.url()});
  ASSERT_TRUE(set(*tier, "k", "1").has_value());
  EXPECT_EQ(get(*tier, "k").value(), "1");
  EXPECT_EQ(get(*make(), "k").value(), "1");
}

TEST_F(PostgresPooler, InSessionModeOneSessionIsEnough) {
  const PgBouncer pooler(server().port(), "session", 1);
  const auto tier = make({.url = pooler.url(), .connections = 1});
  const TimePoint limit = soon();
  while (!set(*tier, "k", "1") && system_clock().now() < limit) {
  }
  EXPECT_EQ(get(*tier, "k").value(), "1");
}

}  // namespace
}  // namespace terrace::database
