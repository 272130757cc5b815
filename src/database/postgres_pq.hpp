#pragma once
/// libpq with owning types, the meaning of the server's errors, and parameters in binary form. Nothing here
/// waits.

#include <libpq-fe.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <terrace/result.hpp>
#include <vector>

namespace terrace::postgres {

/// In a child of fork() a session is not ended, because that would end the parent's session.
struct Finish {
  pid_t process = ::getpid();
  void operator()(PGconn* connection) const noexcept {
    if (::getpid() == process) PQfinish(connection);
  }
};
struct Clear {
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using Session = std::unique_ptr<PGconn, Finish>;
using Reply = std::unique_ptr<PGresult, Clear>;

/// A message of libpq or the server, as one printable line.
[[nodiscard]] std::string one_line(std::string_view text);

/// A column in binary form. Empty for NULL.
[[nodiscard]] std::string_view bytes_at(const PGresult& rows, int row, int column);

/// The meaning of a rejected statement. It uses only the server's first line: the details quote keys and
/// values.
[[nodiscard]] Error server_error(const PGresult& refusal, const std::string& label);
/// Why there is no session. Reads the SQLSTATE from the text, which must be verbose (PQERRORS_VERBOSE).
[[nodiscard]] Error connect_error(const PGconn& failed, const std::string& label);

/// An array of one dimension, in the form that array_recv() reads.
class Array {
 public:
  enum class Of : std::uint32_t { bytea = 17, int8 = 20 };
  Array(Of type, std::size_t count);
  void add(std::string_view bytes);
  void add(std::int64_t number);
  void add_null();
  [[nodiscard]] std::string take() && { return std::move(encoded_); }

 private:
  std::string encoded_;
};

/// The parameters of one statement, all binary.
using Parameters = std::vector<std::string>;

/// False when the connection is broken.
bool send(PGconn& connection, const char* statement, const Parameters& parameters);

}  // namespace terrace::postgres
