#include <terrace/result.hpp>

namespace terrace {
namespace {

class Category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "terrace"; }

  [[nodiscard]] std::string message(int code) const override {
    switch (static_cast<Errc>(code)) {
      case Errc::unavailable:
        return "unavailable";
      case Errc::timed_out:
        return "timed out";
      case Errc::shutdown:
        return "shut down";
      case Errc::invalid_key:
        return "invalid key";
      case Errc::value_too_large:
        return "value too large";
      case Errc::not_found:
        return "not found";
      case Errc::loader_failed:
        return "loader failed";
      case Errc::overloaded:
        return "overloaded";
      case Errc::corrupt:
        return "corrupt";
      case Errc::incompatible:
        return "incompatible";
      case Errc::unencodable:
        return "unencodable";
      case Errc::denied:
        return "denied";
      case Errc::partial_write:
        return "written in part";
      case Errc::io_error:
        return "I/O error";
      case Errc::would_deadlock:
        return "would deadlock";
      case Errc::invalid_argument:
        return "invalid argument";
      case Errc::effect_unknown:
        return "effect unknown";
    }
    return "unknown error " + std::to_string(code);
  }
};

}  // namespace

const std::error_category& error_category() noexcept {
  static const Category category;
  return category;
}

std::string Error::message() const {
  return context.empty() ? code.message() : code.message() + ": " + context;
}

void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw Exception(error);
}

}  // namespace terrace
