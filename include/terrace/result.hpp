#pragma once
/// Result<T>: the value or the error of every operation that can fail at run time.
///
/// A cache operation never throws for a remote fault; it returns an Error: a code for programs to compare,
/// and a context for people to read. Constructors throw ConfigError for a wrong configuration.

#include <boost/system/result.hpp>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace terrace {

/// The kind of an error. Compare with `error.code == Errc::timed_out`.
enum class Errc {
  unavailable = 1,   ///< a tier could not be asked: unreachable, circuit breaker open, or still connecting
  timed_out,         ///< the deadline passed before an answer came
  shutdown,          ///< the object was closed while the operation was under way
  invalid_key,       ///< empty, or longer than the limit
  value_too_large,   ///< larger than the tier or the cache accepts
  not_found,         ///< the loader reports that the key does not exist (a negative answer)
  loader_failed,     ///< the loader threw or returned an error
  overloaded,        ///< a limit on concurrent work was reached, or the system has no thread
  corrupt,           ///< stored bytes failed their checks
  incompatible,      ///< stored bytes of another version, schema or codec
  unencodable,       ///< the value cannot be encoded
  denied,            ///< authentication or permission was refused
  partial_write,     ///< the write succeeded in some levels and failed in others: the context names them
  io_error,          ///< a file or a socket failed
  would_deadlock,    ///< a blocking call was made from a thread that must not block
  invalid_argument,  ///< an argument is out of range: the context says which, and what is possible
  effect_unknown,    ///< too few nodes confirmed a write: it may or may not have taken effect
};

/// The std::error_category of Errc; its name is "terrace".
const std::error_category& error_category() noexcept;

inline std::error_code make_error_code(Errc e) noexcept {
  return {static_cast<int>(e), error_category()};
}

/// An error: its kind (`code`), and where and why it happened, for people (`context`). It never contains a
/// secret or a stored value.
struct Error {
  std::error_code code;
  std::string context;
  /// The exception that a loader threw, for callers in the same process; null: nothing was thrown.
  std::exception_ptr cause = {};

  Error() = default;  ///< no error: the value of Result<T>::error() while there is a value
  Error(Errc e, std::string why = {}) : code(make_error_code(e)), context(std::move(why)) {}
  Error(std::error_code c, std::string why = {}) : code(c), context(std::move(why)) {}

  /// "kind: context", for logs.
  [[nodiscard]] std::string message() const;
};

inline bool operator==(const Error& error, Errc kind) noexcept {
  return error.code == make_error_code(kind);
}

/// Thrown by Result<T>::value() if there is no value: a std::system_error with the error's code and text.
class Exception : public std::system_error {
 public:
  explicit Exception(const Error& error) : std::system_error(error.code, error.context) {}
};

/// Thrown by constructors and factories: says what is wrong and what would be right.
class ConfigError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

/// A value or an Error; `[[nodiscard]]`. See boost::system::result for its members.
template <class T>
using Result = boost::system::result<T, Error>;

}  // namespace terrace

template <>
struct std::is_error_code_enum<terrace::Errc> : std::true_type {};
