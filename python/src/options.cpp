#include "options.hpp"

#include <algorithm>
#include <boost/pfr.hpp>
#include <terrace/key_ring.hpp>
#include <type_traits>
#include <vector>

namespace terrace::python {
namespace {

std::string text(nb::handle value) {
  return nb::cast<std::string>(value);
}

template <class E>
E word(std::string_view name, nb::handle value) {
  const std::string given = text(value);
  if (const auto known = with_name<E>(given)) return *known;
  throw ConfigError(std::string(name) + " \"" + given + "\": use " + all_names<E>());
}

template <class T>
constexpr bool is_settable = std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_same_v<T, std::string> ||
                             std::is_same_v<T, Duration> || std::is_same_v<T, std::optional<Duration>> ||
                             std::is_same_v<T, std::optional<std::size_t>>;

template <class T>
T read(std::string_view name, nb::handle value) {
  if constexpr (std::is_same_v<T, Duration>) {
    return duration(nb::cast<double>(value));
  } else if constexpr (requires(T option) { option.has_value(); }) {
    return value.is_none() ? std::nullopt : std::optional(read<typename T::value_type>(name, value));
  } else if constexpr (std::is_enum_v<T>) {
    return word<T>(name, value);
  } else {
    return nb::cast<T>(value);
  }
}

/// Sets the option that has this name in C++; false: there is none. A new option needs no line here.
template <class Options>
bool set_by_name(Options& options, std::string_view name, nb::handle value) {
  bool found = false;
  boost::pfr::for_each_field_with_name(options, [&]<class T>(std::string_view field, T& option) {
    if constexpr (is_settable<T>) {
      if (field != name) return;
      option = read<T>(name, value);
      found = true;
    }
  });
  return found;
}

void read(CacheOptions& options, std::string_view name, nb::handle value) {
  if (name == "key_ring") {
    options.key_ring = KeyRing::from_file(text(value));
  } else if (name == "key_ring_text") {
    options.key_ring = KeyRing::parse(text(value));
  } else if (name == "journal") {
    options.write_back.path = text(value);
  } else if (!set_by_name(options, name, value) && !set_by_name(options.write_back, name, value)) {
    throw ConfigError("there is no option \"" + std::string(name) + "\"");
  }
}

}  // namespace

CacheOptions cache_options(const nb::dict& settings) {
  CacheOptions options;
  const nb::object shown = nb::module_::import_("terrace._words").attr("shown");
  for (const auto& [name, value] : settings) {
    const auto refuse = [&](const char* remedy) {
      throw ConfigError(text(name) + "=" + text(shown(value)) + remedy);
    };
    try {
      read(options, text(name), value);
    } catch (const nb::cast_error&) {
      refuse(": it is of the wrong type; help(terrace.Cache) says what to give");
    } catch (const nb::python_error&) {
      refuse(": it is out of range; help(terrace.Cache) says what to give");
    }
  }
  return options;
}

Duration duration(double seconds) noexcept {
  constexpr double most = 9e9;  // seconds
  if (seconds >= most) return Duration::max();
  if (seconds <= -most) return Duration::min();
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

double seconds(Duration duration) noexcept {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace terrace::python
