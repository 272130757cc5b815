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

TEST_F(PostgresAccess, F31_A35_ACertificateThatDoesNotFitIsRefused) {
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

TEST_F(PostgresAccess, F31_A35_WithoutTlsThereIsNoConnectionThatDemandsIt) {
  refused(make({.url = server().url() + "?sslmode=require"}), Errc::unavailable, "SSL");
}

// ---- What others put into the database must not run as our role

/// A server on which everybody may CREATE in the schema public, as up to PostgreSQL 14. `app` is our role and
/// has a table of secrets; whatever mallory gets to run as `app` copies it into `loot`.
class PostgresHijack : public PostgresAccess {
 protected:
  PostgresHijack() {
    own.sql(
        "GRANT CREATE ON SCHEMA public TO PUBLIC; CREATE ROLE app LOGIN PASSWORD 'hush'; CREATE ROLE mallory;"
        "CREATE TABLE secrets (word text); INSERT INTO secrets VALUES ('hush'); ALTER TABLE secrets OWNER TO "
        "app");
    mallory(
        "CREATE TABLE loot (word text); GRANT INSERT ON loot TO PUBLIC;"
        "CREATE FUNCTION steal() RETURNS void LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO public.loot SELECT word FROM public.secrets; EXCEPTION WHEN OTHERS THEN NULL; END $$;"
        "CREATE FUNCTION steal_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.steal(); "
        "RETURN NEW; END $$;"
        "CREATE FUNCTION steal_time() RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN "
        "PERFORM public.steal(); RETURN NULL; END $$;"
        "CREATE FUNCTION steal_truth(bytea) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN "
        "PERFORM public.steal(); RETURN true; END $$;"
        "CREATE FUNCTION steal_truth(bytea, bytea) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM public.steal(); RETURN true; END $$;"
        "CREATE FUNCTION steal_product(bigint, interval) RETURNS interval LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM public.steal(); RETURN $2; END $$");
  }

  void mallory(const std::string& sql) const { own.sql("SET ROLE mallory; " + sql); }
  void app(const std::string& sql) const { own.sql("SET ROLE app; " + sql); }
  [[nodiscard]] std::shared_ptr<PostgresTier> tier(const std::string& name = "terrace_cache",
                                                   const std::string& user = "app:hush") const {
    return make_postgres_tier({.url = own.url(user), .table = name, .purge_interval = 20ms});
  }
  /// Everything the tier says to a server.
  static void use(PostgresTier& tier) {
    static_cast<void>(set_many(tier, {{"a", "1", 1h}, {"b", "2", {}, 7}}));
    static_cast<void>(get(tier, "a"));
    static_cast<void>(erase(tier, "a"));
    static_cast<void>(erase_glob(tier, "", "*"));
  }
  [[nodiscard]] std::string loot() const { return own.sql("SELECT count(*) FROM loot"); }

  static constexpr const char* columns =
      " (key bytea PRIMARY KEY, whole_key bytea, value bytea NOT NULL, expires timestamptz, version bigint "
      "NOT NULL)";
  const testing::PostgresServer own;
};

TEST_F(PostgresHijack, A04_AnOperatorOrFunctionInPublicNeverRuns) {
  mallory(
      "CREATE OPERATOR public.* (leftarg = bigint, rightarg = interval, function = public.steal_product);"
      "CREATE OPERATOR public.= (leftarg = bytea, rightarg = bytea, function = public.steal_truth);"
      "CREATE OPERATOR public.>= (leftarg = bytea, rightarg = bytea, function = public.steal_truth);"
      "CREATE FUNCTION public.octet_length(bytea) RETURNS int LANGUAGE sql AS $$ SELECT public.steal(); "
      "SELECT 1 $$;"
      "CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT public.steal_time() $$;"
      "CREATE FUNCTION public.to_regclass(text) RETURNS regclass LANGUAGE sql AS "
      "$$ SELECT public.steal(); SELECT NULL::regclass $$;"
      "CREATE FUNCTION public.hashtext(text) RETURNS int LANGUAGE sql AS $$ SELECT public.steal(); SELECT 1 "
      "$$");
  for (const char* path : {"DEFAULT", "public", "public, pg_catalog"}) {
    own.sql(std::string("ALTER ROLE app SET search_path = ") + path);
    const auto cache = tier();
    EXPECT_TRUE(set(*cache, "a", "1", 1h).has_value()) << path;
    EXPECT_EQ(get(*cache, "a").value(), "1") << path;
    use(*cache);
    EXPECT_EQ(loot(), "0") << path;
    own.sql("DROP TABLE terrace_cache");
  }
}

TEST_F(PostgresHijack, A04_WhatWasSaidWithoutASchemaWasHijacked) {
  mallory(
      "CREATE OPERATOR public.* (leftarg = bigint, rightarg = interval, function = public.steal_product)");
  app("SELECT 2::bigint * interval '1 millisecond'");
  EXPECT_EQ(loot(), "1") << "the mutant is caught";
}

/// Mallory was there first; or somebody whom the owner allowed too much; or the owner did not know better.
TEST_F(PostgresHijack, A04_ATableThatCouldRunForeignCodeIsRefused) {
  struct Case {
    const char* word;  // of the refusal
    const char* role;
    std::string sql;  // @ is the table, COLUMNS what it should have
  };
  const std::string plain_table = "CREATE TABLE @ COLUMNS; ";
  const std::string open_table = plain_table + "GRANT ALL ON @ TO PUBLIC; ";
  const std::string trigger = "CREATE TRIGGER t BEFORE INSERT ON @ FOR EACH ROW EXECUTE FUNCTION steal_row()";
  const std::vector<Case> cases = {
      {"mallory", "mallory", open_table},
      {"mallory", "mallory", open_table + trigger},
      {"mallory", "mallory",
       "CREATE VIEW @ AS SELECT key, key AS whole_key, key AS value, steal_time() AS expires, 0::bigint AS "
       "version "
       "FROM (VALUES (''::bytea)) AS one(key); GRANT ALL ON @ TO PUBLIC"},
      {"no plain table", "app", "CREATE TABLE @_base COLUMNS; CREATE VIEW @ AS SELECT * FROM @_base"},
      {"no plain table", "app", "CREATE TABLE @ COLUMNS PARTITION BY HASH (key)"},
      {"inherit", "app", "CREATE TABLE @_base COLUMNS; CREATE TABLE @ () INHERITS (@_base)"},
      {"inherit", "app", plain_table + "CREATE TABLE @_child () INHERITS (@)"},
      {"triggers", "app", plain_table + "GRANT TRIGGER ON @ TO mallory; SET ROLE mallory; " + trigger},
      {"rules", "app", plain_table + "CREATE RULE r AS ON INSERT TO @ DO ALSO SELECT steal()"},
      {"row security", "app", plain_table + "CREATE POLICY p ON @ USING (steal_truth(key))"},
      {"row security", "app", plain_table + "ALTER TABLE @ ENABLE ROW LEVEL SECURITY"},
      {"defaults", "app", plain_table + "ALTER TABLE @ ADD extra timestamptz DEFAULT steal_time()"},
      {"defaults", "app",
       plain_table + "ALTER TABLE @ ADD extra boolean GENERATED ALWAYS AS (steal_truth(key)) STORED"},
      {"index", "app", plain_table + "CREATE INDEX ON @ (steal_truth(value))"},
      {"index", "app", plain_table + "CREATE INDEX ON @ (version) WHERE steal_truth(value)"},
      {"the server's own", "app", plain_table + "ALTER TABLE @ ADD CHECK (steal_truth(value))"},
      {"the server's own", "app",
       "SET ROLE mallory; CREATE DOMAIN @_bytes AS bytea CHECK (steal_truth(VALUE)); SET ROLE app; " +
           plain_table + "ALTER TABLE @ ALTER value TYPE @_bytes"},
  };
  const auto replace = [](std::string text, const std::string& what, const std::string& by) {
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + by.size())) {
      text.replace(at, what.size(), by);
    }
    return text;
  };
  int number = 0;
  for (const auto& [word, role, sql] : cases) {
    const std::string name = "planted_" + std::to_string(++number);
    SCOPED_TRACE(sql);
    own.sql(std::string("SET ROLE ") + role + "; " + replace(replace(sql, "COLUMNS", columns), "@", name));
    own.sql("TRUNCATE loot");
    const auto cache = tier(name);
    refused(cache, Errc::denied, word);
    refused(cache, Errc::denied, "PostgresOptions::table");
    use(*cache);
    EXPECT_EQ(loot(), "0");
    // A superuser may act as everybody, and is a member of nobody.
    const auto as_superuser = tier(name, "postgres");
    refused(as_superuser, Errc::denied, "belongs to the role");
    use(*as_superuser);
    EXPECT_EQ(loot(), "0") << "as a superuser";
  }
}

TEST_F(PostgresHijack, ATableOfARoleWeAreAMemberOfOrOfASuperuserIsTaken) {
  own.sql("CREATE ROLE team; GRANT team TO app; CREATE ROLE crew; GRANT crew TO team");
  for (const std::string owner : {"app", "team", "crew", "postgres"}) {
    const std::string name = "of_" + owner;
    own.sql("CREATE TABLE " + name + columns + "; GRANT ALL ON " + name + " TO app; ALTER TABLE " + name +
            " OWNER TO " + owner);
    EXPECT_TRUE(set(*tier(name), "a", "1", 1h).has_value()) << owner;
  }
}

/// As before there was a look at owners: the first schema of the path that has the table; else the first
/// there is.
TEST_F(PostgresHijack, TheSchemaIsTheOneThatTheSearchPathNames) {
  own.sql(R"(CREATE SCHEMA "o'ne ""x"; CREATE SCHEMA two; GRANT ALL ON SCHEMA "o'ne ""x", two TO app)");
  own.sql(R"(ALTER ROLE app SET search_path = nowhere, "o'ne ""x", two, public)");
  const auto schemas = [&](const std::string& name) {
    return own.sql("SELECT string_agg(schemaname, '+') FROM pg_tables WHERE tablename = '" + name + "'");
  };
  app(std::string("CREATE TABLE two.there") + columns);
  EXPECT_TRUE(set(*tier("there"), "a", "1").has_value());
  EXPECT_EQ(schemas("there"), "two");
  EXPECT_TRUE(set(*tier("made"), "a", "1").has_value());
  EXPECT_EQ(schemas("made"), "o'ne \"x");
  EXPECT_EQ(get(*tier("made"), "a").value(), "1");
  own.sql("ALTER ROLE app SET search_path = nowhere");
  refused(tier("lost"), Errc::denied, "search_path");
  EXPECT_TRUE(set(*tier("two.named"), "a", "1").has_value());
}

}  // namespace
}  // namespace terrace::database
