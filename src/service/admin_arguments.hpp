#pragma once
/// AdminArguments: the arguments of a call, taken out one by one with a check of their types.

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <terrace/bytes.hpp>
#include <terrace/clock.hpp>
#include <terrace/result.hpp>
#include <vector>

namespace terrace::service {

/// After the first failure the results of the functions have no meaning: finish() reports it. Not thread
/// safe.
class AdminArguments {
 public:
  explicit AdminArguments(const boost::json::object& given) : given_(given) {}

  /// Required: the call is wrong without it.
  Bytes key();
  const boost::json::value& required(std::string_view name);
  std::vector<Bytes> keys();

  std::optional<Bytes> text(std::string_view name);
  std::optional<std::vector<Bytes>> texts(std::string_view name);
  /// More than zero, at most 100 years.
  std::optional<Duration> duration(std::string_view name);
  bool flag(std::string_view name);

  void fail(const std::string& why);
  /// Errc::invalid_argument: the first failure, or an argument that was not read.
  [[nodiscard]] Result<void> finish() const;

 private:
  const boost::json::value* take(std::string_view name);

  const boost::json::object& given_;
  std::vector<std::string> known_;
  std::string why_;
};

}  // namespace terrace::service
