#include "database/postgres_pq.hpp"

#include <algorithm>

namespace terrace::postgres {
namespace {

constexpr std::string_view shared_session =
    "a pooler shares the session with other clients: connect to the server itself, or use pool_mode=session";

struct Meaning {
  std::string_view state;  // a SQLSTATE, or the beginning of several
  Errc code;
  std::string_view hint;
};

/// https://www.postgresql.org/docs/current/errcodes-appendix.html
constexpr Meaning meanings[] = {
    {"22", Errc::invalid_argument, "the value does not fit the table's column"},
    {"23", Errc::invalid_argument, "a constraint of the table rejects it"},
    {"25006", Errc::unavailable,
     "the server is a standby: name its primary, or add target_session_attrs=read-write to the url"},
    {"26000", Errc::incompatible, shared_session},
    {"42P05", Errc::incompatible, shared_session},
    {"28", Errc::denied, "check user and password in the url, and the server's pg_hba.conf"},
    {"3D", Errc::denied, "create the database, or name another one in the url"},
    {"3F", Errc::denied, "create the schema, or name another one in PostgresOptions::table"},
    {"40", Errc::unavailable, "the server rolled it back because of another transaction"},
    {"42501", Errc::denied, "grant SELECT, INSERT, UPDATE, DELETE on the table, and CREATE on its schema"},
    {"42P01", Errc::incompatible, "the table is gone"},
    {"427", Errc::incompatible,
     "the layout of the table is not that of terrace/postgres.hpp: name another one"},
    {"42P10", Errc::incompatible,
     "the key of the table is not unique: create the table as described in terrace/postgres.hpp"},
    {"428", Errc::incompatible,
     "the layout of the table is not that of terrace/postgres.hpp: name another one"},
    {"53", Errc::unavailable, "the server is short of connections, memory or disk"},
    {"54", Errc::value_too_large, "a limit of the server"},
    {"55P03", Errc::unavailable, "another transaction holds a lock on it"},
    {"57014", Errc::timed_out, "PostgresOptions::statement_timeout has passed"},
    {"57P", Errc::unavailable, "the server is starting or stopping"},
};

Error meaning_of(std::string_view state, std::string context) {
  for (const Meaning& meaning : meanings) {
    if (state.starts_with(meaning.state)) {
      return {meaning.code, context + " (" + std::string(meaning.hint) + ")"};
    }
  }
  return {state.empty() ? Errc::unavailable : Errc::io_error, std::move(context)};
}

bool is_state(std::string_view word) {
  return word.size() == 5 &&
         std::ranges::all_of(word, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

void append(std::string& out, std::uint64_t number, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
}

}  // namespace

std::string one_line(std::string_view text) {
  constexpr std::size_t longest = 300;
  std::string out;
  for (const char c : text.substr(0, longest)) {
    out += static_cast<unsigned char>(c) >= ' ' && c != 0x7f ? c : ' ';
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string_view bytes_at(const PGresult& rows, int row, int column) {
  return {PQgetvalue(&rows, row, column), static_cast<std::size_t>(PQgetlength(&rows, row, column))};
}

Error server_error(const PGresult& refusal, const std::string& label) {
  const auto field = [&](int name) {
    const char* text = PQresultErrorField(&refusal, name);
    return std::string_view(text != nullptr ? text : "");
  };
  return meaning_of(field(PG_DIAG_SQLSTATE),
                    "PostgreSQL " + label + ": " + one_line(field(PG_DIAG_MESSAGE_PRIMARY)));
}

Error connect_error(const PGconn& failed, const std::string& label) {
  std::string_view text = PQerrorMessage(&failed);
  std::string_view state = PQconnectionNeedsPassword(&failed) == 1 ? "28P01" : "";
  // "… FATAL:  28P01: password authentication failed for user …\nLOCATION: …"
  for (auto at = text.find(":  "); at != text.npos; at = text.find(":  ", at + 3)) {
    if (is_state(text.substr(at + 3, 5)) && text.substr(at + 8, 2) == ": ") {
      state = text.substr(at + 3, 5);
      text = text.substr(0, text.find('\n', at));
      break;
    }
  }
  return meaning_of(state, "cannot connect to PostgreSQL " + label + ": " + one_line(text));
}

Array::Array(Of type, std::size_t count) {
  append(encoded_, 1, 4);  // dimensions
  append(encoded_, 0, 4);  // flags
  append(encoded_, static_cast<std::uint32_t>(type), 4);
  append(encoded_, count, 4);
  append(encoded_, 1, 4);  // lower bound
}

void Array::add(std::string_view bytes) {
  append(encoded_, bytes.size(), 4);
  encoded_ += bytes;
}

void Array::add(std::int64_t number) {
  append(encoded_, 8, 4);
  append(encoded_, static_cast<std::uint64_t>(number), 8);
}

void Array::add_null() {
  append(encoded_, UINT32_MAX, 4);
}

bool send(PGconn& connection, const char* statement, const Parameters& parameters) {
  std::vector<const char*> values;
  std::vector<int> lengths;
  const std::vector<int> binary(parameters.size(), 1);
  for (const std::string& parameter : parameters) {
    values.push_back(parameter.data());
    lengths.push_back(static_cast<int>(parameter.size()));
  }
  return PQsendQueryPrepared(&connection, statement, static_cast<int>(parameters.size()), values.data(),
                             lengths.data(), binary.data(), 1) == 1 &&
         PQpipelineSync(&connection) == 1;
}

}  // namespace terrace::postgres
