/// Who may log in and what they may do; TLS. What is refused is said clearly, without a secret and without
/// hammering the server.

#include "database/postgres_test.hpp"

namespace terrace::database {
namespace {

using namespace std::chrono_literals;
using testing::eventually;

class PostgresAccess : public PostgresTest {
 protected:
  /// The first answer. The message must hold `word`, and never the password.
  static Error refused(const std::shared_ptr<PostgresTier>& tier, Errc kind, const std::string& word) {
    const Error why = get(*tier, "a").error();
    EXPECT_EQ(why, kind) << why.message();
    for (const std::string& text : {why.message(), tier->postgres_stats().last_error}) {
      EXPECT_NE(text.find(word), std::string::npos) << text;
      EXPECT_EQ(text.find("hush"), std::string::npos) << text;
    }
    return why;
  }
};

TEST_F(PostgresAccess, F30_AWrongPasswordIsDeniedUntilItIsRight) {
  server().sql("CREATE ROLE rita LOGIN PASSWORD 'other'; GRANT CREATE ON SCHEMA public TO rita");
  const auto tier = make({.url = server().url("rita:hush"), .reconnect_cap = 200ms});
  refused(tier, Errc::denied, "rita");
  const TimePoint start = system_clock().now();
  while (system_clock().now() - start < 500ms) EXPECT_EQ(get(*tier, "a").error(), Errc::denied);
  EXPECT_LE(tier->postgres_stats().failed_connects, 7U);
  server().sql("ALTER ROLE rita PASSWORD 'hush'");
  EXPECT_TRUE(eventually([&] { return set(*tier, "a", "1").has_value(); }));
}

TEST_F(PostgresAccess, F30_NoPasswordAtAllIsDenied) {
  server().sql("CREATE ROLE nina LOGIN PASSWORD 'other'");
  refused(make({.url = server().url("nina")}), Errc::denied, "password");
}

TEST_F(PostgresAccess, F30_AnAbsentDatabaseIsNamed) {
  std::string url = server().url();
  url.replace(url.rfind('/'), std::string::npos, "/nowhere");
  refused(make({.url = url}), Errc::denied, "nowhere");
}

TEST_F(PostgresAccess, F30_MissingRightsAreNamed) {
  server().sql("CREATE ROLE carl LOGIN PASSWORD 'hush'; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
  refused(make({.url = server().url("carl:hush")}), Errc::denied, "CREATE");

  ASSERT_TRUE(set(*make(), "a", "1").has_value());
  server().sql("GRANT SELECT ON " + table + " TO carl");
  const auto reader = make({.url = server().url("carl:hush")});
  EXPECT_EQ(get(*reader, "a").value(), "1");
  const Error why = set(*reader, "a", "2").error();
  EXPECT_EQ(why, Errc::denied) << why.message();
  EXPECT_NE(why.context.find("INSERT"), std::string::npos) << why.message();
  EXPECT_EQ(get(*reader, "a").value(), "1");
  EXPECT_EQ(reader->postgres_stats().connects, 1U);
}

TEST_F(PostgresAccess, F31_ACertificateThatDoesNotFitIsRefused) {
  const testing::PostgresServer secure(true);
  const testing::PostgresServer other(true);
  const std::string url = secure.url() + "?sslmode=verify-full&sslrootcert=";
  const auto tier = make({.url = url + secure.certificate()});
  const std::string value(3 << 20, 'v');
  ASSERT_TRUE(set(*tier, "a", value).has_value());
  EXPECT_TRUE(get(*tier, "a").value() == value);
  EXPECT_EQ(secure.sql("SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
                       "WHERE application_name = 'terrace'"),
            "t");
  refused(make({.url = url + other.certificate()}), Errc::unavailable, "certificate");
  std::string by_name = url + secure.certificate();
  by_name.replace(by_name.find("127.0.0.1"), 9, "localhost");
  refused(make({.url = by_name}), Errc::unavailable, "localhost");
}

TEST_F(PostgresAccess, F31_WithoutTlsThereIsNoConnectionThatDemandsIt) {
  refused(make({.url = server().url() + "?sslmode=require"}), Errc::unavailable, "SSL");
}

}  // namespace
}  // namespace terrace::database
