#pragma once
/// One PostgreSQL server for all tests of the program, a table for each test, and raw libpq for what the tier
/// would not do.

#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <memory>
#include <terrace/postgres.hpp>

#include "database/blocking.hpp"
#include "support/postgres_server.hpp"

namespace terrace::database {

/// Another program's connection. Throws when a statement fails.
class RawPostgres {
 public:
  explicit RawPostgres(const std::string& url) : connection_(PQconnectdb(url.c_str())) {
    if (PQstatus(connection_) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection_));
  }
  ~RawPostgres() { PQfinish(connection_); }
  RawPostgres(const RawPostgres&) = delete;
  RawPostgres& operator=(const RawPostgres&) = delete;

  void run(const std::string& sql) {
    PGresult* const result = PQexec(connection_, sql.c_str());
    const auto status = PQresultStatus(result);
    PQclear(result);
    if (status == PGRES_FATAL_ERROR) throw std::runtime_error(PQerrorMessage(connection_));
  }
  [[nodiscard]] PGconn* get() const noexcept { return connection_; }

 private:
  PGconn* connection_;
};

class PostgresTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server(); }  // by a thread that lives as long as it

  static testing::PostgresServer& server() {
    static testing::PostgresServer one;
    return one;
  }

  std::shared_ptr<PostgresTier> make(PostgresOptions options = {}) {
    if (options.url == PostgresOptions{}.url) options.url = server().url();
    if (options.table == PostgresOptions{}.table) options.table = table;
    return make_postgres_tier(std::move(options));
  }

  const std::string table = [] {
    static int count = 0;
    return "cache_" + std::to_string(++count);
  }();
};

}  // namespace terrace::database
