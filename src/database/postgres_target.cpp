#include "database/postgres_target.hpp"

#include <algorithm>
#include <map>
#include <memory>

#include "database/postgres_pq.hpp"

namespace terrace::postgres {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw ConfigError("PostgresOptions::" + why);
}

constexpr std::size_t value_limit = std::size_t{512} << 20;
constexpr std::size_t table_name_limit = 55;  // with "_expires" it is PostgreSQL's limit of 63
constexpr unsigned connections_limit = 1000;
constexpr std::chrono::milliseconds longest_lock_wait{1000};

void check(const PostgresOptions& options) {
  if (options.connections == 0 || options.connections > connections_limit) {
    refuse("connections is " + std::to_string(options.connections) + "; possible are 1 to " +
           std::to_string(connections_limit));
  }
  if (options.connect_timeout <= Duration::zero()) refuse("connect_timeout must be more than nothing");
  if (options.statement_timeout < std::chrono::milliseconds(1) ||
      options.statement_timeout > std::chrono::hours(24)) {
    refuse("statement_timeout must be 1 ms to 24 h");
  }
  if (options.reconnect_cap <= Duration::zero()) refuse("reconnect_cap must be more than nothing");
  if (options.purge_interval <= Duration::zero()) refuse("purge_interval must be more than nothing");
  if (options.max_value_bytes == 0 || options.max_value_bytes > value_limit) {
    refuse("max_value_bytes is " + std::to_string(options.max_value_bytes) + "; possible are 1 to " +
           std::to_string(value_limit));
  }
}

struct FreeOptions {
  void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};

/// libpq's own message about a wrong url may show the password, so it is not passed on.
std::map<std::string, std::string> parse(const std::string& url) {
  char* why = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> parsed(PQconninfoParse(url.c_str(), &why));
  PQfreemem(why);
  if (!parsed) {
    refuse(
        "url cannot be read: give postgresql://user:password@host:port/database?sslmode=verify-full, with "
        "special "
        "characters percent-encoded, or key=value pairs that libpq knows");
  }
  std::map<std::string, std::string> given;
  for (const auto* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) given[option->keyword] = option->val;
  }
  return given;
}

std::string label_of(const std::map<std::string, std::string>& given) {
  const auto value = [&](const char* name, const char* otherwise) {
    const auto found = given.find(name);
    return found != given.end() ? found->second : std::string(otherwise);
  };
  const std::string host = value("host", value("hostaddr", "(default host)").c_str());
  return host + ":" + value("port", "5432") + "/" + value("dbname", "(default database)");
}

bool is_identifier(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && name.size() <= table_name_limit && letter(name[0]) &&
         std::ranges::all_of(name, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::string quoted_identifier(std::string_view identifier) {
  return '"' + std::string(identifier) + '"';
}

/// Every statement uses an index, however few rows the planner expects in the table: plans are made once,
/// perhaps while it is empty. No bitmap scan either: it would look at all dead rows of a key again and again,
/// and cannot stop at a LIMIT. jit would be switched on by the cost that the planner assigns to forbidden
/// methods.
constexpr std::string_view greeting_sql = R"(
  SET client_min_messages = error;
  SET statement_timeout = @statement_ms;
  SET lock_timeout = @lock_ms;
  SET plan_cache_mode = force_generic_plan;
  SET enable_seqscan = off;
  SET enable_bitmapscan = off;
  SET enable_hashjoin = off;
  SET enable_mergejoin = off;
  SET jit = off)";

/// The schema of the table, existing or to be created, by the role's search_path. A user who may CREATE in a
/// schema of that path could put an operator or a function there that runs as our role. So every name here
/// includes its schema, and the rest of the session sees only the server's own names (close_path_sql).
constexpr std::string_view find_schema_sql = R"(
  SELECT coalesce(
    (SELECT space.nspname FROM pg_catalog.pg_class AS found
     JOIN pg_catalog.pg_namespace AS space ON space.oid OPERATOR(pg_catalog.=) found.relnamespace
     WHERE found.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass('@relation')::pg_catalog.oid),
    pg_catalog.current_schema()))";

constexpr std::string_view close_path_sql = "SET search_path = pg_catalog, pg_temp";

constexpr std::string_view table_exists_sql = "SELECT to_regclass(@name) IS NOT NULL";

/// The lock prevents others from creating it at the same time, which even IF NOT EXISTS reports as an error.
/// A user who may CREATE in the schema can still create the table first: it is checked (objection_sql) before
/// anything else is done with it. The values are not compressed by the server: they are compressed already,
/// or not worth it.
constexpr std::string_view begin_table_sql = R"(
  BEGIN;
  SELECT pg_advisory_xact_lock(hashtext('terrace'), hashtext(@name));
  CREATE @unlogged TABLE IF NOT EXISTS @table (
    key bytea PRIMARY KEY, whole_key bytea, value bytea NOT NULL, expires timestamptz, version bigint NOT NULL))";

constexpr std::string_view end_table_sql = R"(
  ALTER TABLE @table ALTER COLUMN value SET STORAGE EXTERNAL;
  CREATE INDEX IF NOT EXISTS @index ON @table (expires);
  COMMIT)";

/// Why the table is not safe to use; an empty text: it is safe. Objects that belong to a table (triggers,
/// rules, policies, expressions, operators of its types) run as the role that uses it. So its owner must be a
/// role that could act as our role in any case (the role itself, a role it is a member of, a superuser, the
/// owner of the database), and it must be a plain table without such objects. The server's own objects are
/// not listed in pg_depend.
constexpr std::string_view objection_sql = R"(
  WITH RECURSIVE
    entries AS (SELECT * FROM pg_class WHERE oid = to_regclass(@name)),
    ours(role) AS (
      SELECT oid FROM pg_roles WHERE rolname = current_user
      UNION SELECT roleid FROM pg_auth_members JOIN ours ON member = role),
    trusted(role) AS (
      SELECT role FROM ours UNION SELECT oid FROM pg_roles WHERE rolsuper
      UNION SELECT datdba FROM pg_database WHERE datname = current_database()),
    parts(class, id) AS (
      SELECT 'pg_class'::regclass, oid FROM entries
      UNION ALL SELECT 'pg_class'::regclass, indexrelid FROM pg_index, entries WHERE indrelid = entries.oid
      UNION ALL SELECT 'pg_constraint'::regclass, pg_constraint.oid FROM pg_constraint, entries
        WHERE conrelid = entries.oid)
  SELECT CASE
    WHEN NOT EXISTS (SELECT FROM entries) THEN 'is gone'
    WHEN EXISTS (SELECT FROM entries WHERE relowner NOT IN (SELECT role FROM trusted)) THEN
      'belongs to the role ' || (SELECT quote_ident(pg_get_userbyid(relowner)) FROM entries) || ', and not to ' ||
      quote_ident(current_user) || ' or a role it is a member of'
    WHEN EXISTS (SELECT FROM entries WHERE relkind <> 'r') THEN 'is no plain table'
    WHEN EXISTS (SELECT FROM pg_inherits, entries WHERE entries.oid IN (inhrelid, inhparent))
      THEN 'inherits or is inherited from'
    WHEN EXISTS (SELECT FROM pg_trigger, entries WHERE tgrelid = entries.oid) THEN 'has triggers'
    WHEN EXISTS (SELECT FROM pg_rewrite, entries WHERE ev_class = entries.oid) THEN 'has rules'
    WHEN EXISTS (SELECT FROM entries WHERE relrowsecurity)
      OR EXISTS (SELECT FROM pg_policy, entries WHERE polrelid = entries.oid) THEN 'has row security'
    WHEN EXISTS (SELECT FROM pg_attrdef, entries WHERE adrelid = entries.oid)
      THEN 'has defaults or generated columns'
    WHEN EXISTS (SELECT FROM pg_index, entries
                 WHERE indrelid = entries.oid AND (indexprs IS NOT NULL OR indpred IS NOT NULL))
      THEN 'has an index with an expression'
    WHEN EXISTS (
      SELECT FROM pg_depend JOIN parts ON classid = class AND objid = id
      WHERE refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass,
                           'pg_opclass'::regclass, 'pg_opfamily'::regclass, 'pg_am'::regclass))
      THEN 'uses types, functions or operators that are not the server''s own'
    ELSE '' END)";

/// Rows are locked in the order of their keys, so no two statements deadlock. Versions are unsigned: with the
/// highest bit inverted (#), the order of signed numbers is their order.
constexpr std::string_view prepare_sql = R"(
  PREPARE terrace_get(bytea[]) AS
    SELECT key, CASE WHEN octet_length(value) <= @max_value_bytes THEN value END FROM @table
    WHERE key = ANY($1) AND (expires IS NULL OR expires > now());

  PREPARE terrace_set(bytea[], bytea[], bytea[], bigint[], bigint[]) AS
    INSERT INTO @table AS old (key, whole_key, value, expires, version)
    SELECT k, w, v, now() + life::float8 * interval '1 millisecond', n
    FROM unnest($1, $2, $3, $4, $5) AS new(k, w, v, life, n)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires, version = excluded.version
    WHERE excluded.version = 0 OR old.expires <= now()
      OR (old.version # (-9223372036854775808)::bigint) < (excluded.version # (-9223372036854775808)::bigint);

  PREPARE terrace_erase(bytea[]) AS
    WITH doomed AS (SELECT key FROM @table WHERE key = ANY($1) ORDER BY key FOR UPDATE)
    DELETE FROM @table AS entry USING doomed WHERE entry.key = doomed.key
    RETURNING entry.key, entry.expires IS NULL OR entry.expires > now();

  PREPARE terrace_compare_and_set(bytea[], bytea[], bytea[], bytea[], bigint[]) AS
    WITH new AS MATERIALIZED (
      SELECT k, w, e, v, now() + life::float8 * interval '1 millisecond' AS until
      FROM unnest($1, $2, $3, $4, $5) AS given(k, w, e, v, life)),
    held AS MATERIALIZED (
      SELECT key FROM @table WHERE key = ANY($1) ORDER BY key FOR UPDATE),
    replaced AS (
      UPDATE @table AS old SET value = v, expires = until, version = 0
      FROM new WHERE e IS NOT NULL AND old.key = k AND k IN (SELECT key FROM held) AND old.value = e
        AND (old.expires IS NULL OR old.expires > now())
      RETURNING old.key),
    added AS (
      INSERT INTO @table AS old (key, whole_key, value, expires, version)
      SELECT k, w, v, until, 0 FROM new WHERE e IS NULL
      ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires, version = 0
      WHERE old.expires <= now()
      RETURNING old.key)
    SELECT key FROM replaced UNION ALL SELECT key FROM added;

  PREPARE terrace_next(bytea) AS
    SELECT key, whole_key FROM @table WHERE key >= $1 ORDER BY key LIMIT @page;

  PREPARE terrace_purge AS
    WITH doomed AS (
      SELECT key FROM @table WHERE expires <= now() ORDER BY expires LIMIT @page FOR UPDATE SKIP LOCKED)
    DELETE FROM @table AS entry USING doomed WHERE entry.key = doomed.key RETURNING 1)";

using Names = std::vector<std::pair<std::string_view, std::string>>;

std::string filled(std::string_view sql, const Names& names) {
  std::string text(sql);
  for (const auto& [name, value] : names) {
    for (auto at = text.find(name); at != text.npos; at = text.find(name, at + value.size())) {
      text.replace(at, name.size(), value);
    }
  }
  return text;
}

}  // namespace

std::string on_table(std::string_view sql, const std::string& identifier, const std::string& literal) {
  return filled(sql, {{"@table", identifier}, {"@name", literal}});
}

Target::Target(const PostgresOptions& options) : create_table(options.create_table) {
  check(options);
  const std::string_view name = options.table;
  const auto dot = name.find('.');
  const bool in_schema = dot != name.npos;
  const std::string_view relation = in_schema ? name.substr(dot + 1) : name;
  if (!is_identifier(relation) || (in_schema && !is_identifier(name.substr(0, dot)))) {
    refuse("table must be letters, digits and _, not beginning with a digit, at most " +
           std::to_string(table_name_limit) +
           "; a schema of the same kind may stand before it: schema.table");
  }
  if (in_schema) schema = name.substr(0, dot);
  table = relation;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(options.statement_timeout);
  const Names names = {
      {"@relation", (in_schema ? quoted_identifier(schema) + "." : "") + quoted_identifier(table)},
      {"@index", quoted_identifier(table + "_expires")},
      {"@unlogged", options.unlogged ? "UNLOGGED" : ""},
      {"@statement_ms", std::to_string(ms.count())},
      {"@lock_ms", std::to_string(std::min(ms, longest_lock_wait).count())},
      {"@max_value_bytes", std::to_string(options.max_value_bytes)},
      {"@page", std::to_string(page_keys)}};
  greeting = filled(greeting_sql, names);
  find_schema = filled(find_schema_sql, names);
  close_path = close_path_sql;
  table_exists = table_exists_sql;
  begin_table = filled(begin_table_sql, names);
  end_table = filled(end_table_sql, names);
  objection = objection_sql;
  prepare = filled(prepare_sql, names);

  auto given = parse(options.url);
  label = label_of(given);
  given.try_emplace("fallback_application_name", "terrace");
  given.try_emplace("tcp_user_timeout", "2000");  // how soon a vanished peer is noticed
  parameters.assign(given.begin(), given.end());
}

}  // namespace terrace::postgres
