#include "service/admin_arguments.hpp"

#include <algorithm>
#include <boost/json/array.hpp>

#include "base/nearest.hpp"
#include "base/units.hpp"
#include "service/text_json.hpp"

namespace terrace::service {

namespace json = boost::json;
namespace {

const json::value nothing;

std::string quoted(std::string_view name) {
  return "\"" + std::string(name) + "\"";
}

}  // namespace

const json::value* AdminArguments::take(std::string_view name) {
  known_.emplace_back(name);
  return given_.if_contains(name);
}

void AdminArguments::fail(const std::string& why) {
  if (why_.empty()) why_ = why;
}

const json::value& AdminArguments::required(std::string_view name) {
  const json::value* const value = take(name);
  if (value == nullptr) fail(quoted(name) + " is missing");
  return value == nullptr ? nothing : *value;
}

Bytes AdminArguments::key() {
  auto key = text("key");
  if (!key) fail("\"key\" is missing");
  return key ? std::move(*key) : Bytes();
}

std::vector<Bytes> AdminArguments::keys() {
  auto keys = texts("keys");
  if (!keys) fail(R"("keys" is missing: give a list, as in ["a", "b"])");
  return keys ? std::move(*keys) : std::vector<Bytes>();
}

std::optional<Bytes> AdminArguments::text(std::string_view name) {
  const json::value* const value = take(name);
  if (value == nullptr) return std::nullopt;
  auto bytes = bytes_of(*value);
  if (!bytes) fail(quoted(name) + R"( must be a string, or {"$bytes": "base64"})");
  return bytes;
}

std::optional<std::vector<Bytes>> AdminArguments::texts(std::string_view name) {
  const json::value* const value = take(name);
  if (value == nullptr) return std::nullopt;
  std::vector<Bytes> all;
  const json::array* const items = value->if_array();
  const bool well =
      items != nullptr && std::all_of(items->begin(), items->end(), [&](const json::value& item) {
        auto bytes = bytes_of(item);
        if (bytes) all.push_back(std::move(*bytes));
        return bytes.has_value();
      });
  if (!well) fail(quoted(name) + R"( must be a list of strings, as in ["a", "b"])");
  return all;
}

std::optional<Duration> AdminArguments::duration(std::string_view name) {
  constexpr double longest_ns = 1e9 * 3600 * 24 * 36'525;
  const json::value* const value = take(name);
  if (value == nullptr) return std::nullopt;
  std::optional<double> ns;
  if (value->is_number()) ns = value->to_number<double>() * 1e9;
  if (const json::string* const written = value->if_string()) ns = parse_amount(*written, duration_units);
  if (!ns || !(*ns >= 1 && *ns <= longest_ns)) {
    fail(quoted(name) +
         " must be a time above 0: seconds, or a number and a unit, as in 90, \"1.5s\" or \"10m\"");
    return std::nullopt;
  }
  return Duration{static_cast<Duration::rep>(*ns)};
}

bool AdminArguments::flag(std::string_view name) {
  const json::value* const value = take(name);
  if (value == nullptr) return false;
  if (!value->is_bool()) fail(quoted(name) + " must be true or false");
  return value->is_bool() && value->get_bool();
}

Result<void> AdminArguments::finish() const {
  if (!why_.empty()) return Error(Errc::invalid_argument, why_);
  for (const auto& [name, value] : given_) {
    if (std::find(known_.begin(), known_.end(), std::string_view(name)) != known_.end()) continue;
    std::string all;
    for (const std::string& known : known_) all += (all.empty() ? "" : ", ") + known;
    return Error(Errc::invalid_argument, "unknown argument " + printable_key(name) +
                                             did_you_mean(name, known_) +
                                             (all.empty() ? "" : " (arguments: " + all + ")"));
  }
  return {};
}

}  // namespace terrace::service
