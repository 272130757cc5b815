#pragma once
/// The schema of a type: a canonical text of its structure, and FNV-1a 64 of that text as its fingerprint.
/// The grammar of the text is in docs/wire-format.md; it does not depend on the compiler or the platform.

#include <array>
#include <boost/pfr/core.hpp>
#include <boost/version.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <terrace/detail/envelope/kinds.hpp>
#include <type_traits>

// Without CMake's check of the version, a build would fail somewhere inside Boost.
#if BOOST_VERSION < 108400
#error "terrace needs the headers of Boost 1.84 or newer, before those of an older one in the include path"
#endif

namespace terrace::detail {

/// FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/
class Fingerprint {
 public:
  constexpr void append(std::string_view text) noexcept {
    for (const char c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  [[nodiscard]] constexpr std::uint64_t value() const noexcept { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325U;
};

template <class Sink>
constexpr void append_number(Sink& out, std::uint64_t number) {
  std::array<char, 20> digits{};
  std::size_t at = digits.size();
  do {
    digits[--at] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  out.append(std::string_view(digits.data() + at, digits.size() - at));
}

/// char counts as unsigned everywhere, because its sign differs between platforms.
template <class T>
inline constexpr bool is_signed_integer = std::is_signed_v<T> && !std::is_same_v<T, char>;

/// The aggregates that enclose a type, innermost first.
template <class... Ts>
struct Enclosing {};

/// How many aggregates outward T is; 0: it is not an enclosing one.
template <class T, class... Ts>
consteval std::size_t steps_outward(Enclosing<Ts...>) {
  std::size_t step = 0;
  std::size_t found = 0;
  ((++step, found = found == 0 && std::is_same_v<T, Ts> ? step : found), ...);
  return found;
}

template <class T, class Outer, class Sink>
constexpr void describe(Sink& out);

template <class Outer, class... Ts, class Sink>
constexpr void describe_all(Sink& out, std::string_view open, std::string_view between,
                            std::string_view close) {
  out.append(open);
  bool first = true;
  [[maybe_unused]] const auto separate = [&] {
    if (!first) out.append(between);
    first = false;
  };
  ((separate(), describe<std::remove_const_t<Ts>, Outer>(out)), ...);
  out.append(close);
}

template <class T, class Outer>
struct DescribeParts;

template <template <class...> class Template, class... Ts, class Outer>
struct DescribeParts<Template<Ts...>, Outer> {
  template <class Sink>
  static constexpr void run(Sink& out, std::string_view open, std::string_view between,
                            std::string_view close) {
    describe_all<Outer, Ts...>(out, open, between, close);
  }
};

template <class T, class... Ts, class Sink>
constexpr void describe_aggregate(Sink& out, Enclosing<Ts...>) {
  if constexpr (constexpr std::size_t steps = steps_outward<T>(Enclosing<Ts...>{}); steps != 0) {
    out.append("^");
    append_number(out, steps);
  } else {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      describe_all<Enclosing<T, Ts...>, boost::pfr::tuple_element_t<I, T>...>(out, "(", ",", ")");
    }
    (std::make_index_sequence<boost::pfr::tuple_size_v<T>>{});
    if constexpr (requires { T::terrace_schema; }) {
      out.append("@");
      append_number(out, T::terrace_schema);
    }
  }
}

template <class Period, class Sink>
constexpr void describe_ticks(Sink& out, std::string_view kind, bool floating) {
  out.append(kind);
  append_number(out, Period::num);
  out.append("/");
  append_number(out, Period::den);
  out.append(floating ? "f" : "");
}

/// Appends the text of T's structure.
template <class T, class Outer, class Sink>
constexpr void describe(Sink& out) {
  require_encodable<T>();
  constexpr Kind kind = kind_of<T>();
  if constexpr (kind == Kind::own_codec) {
    out.append("own:");
    append_number(out, Codec<T>::id);
    out.append(":");
    append_number(out, Codec<T>::schema);
  } else if constexpr (kind == Kind::boolean) {
    out.append("bool");
  } else if constexpr (kind == Kind::integer) {
    out.append(is_signed_integer<T> ? "i" : "u");
    append_number(out, sizeof(T) * 8);
  } else if constexpr (kind == Kind::real) {
    out.append(sizeof(T) == 4 ? "f32" : "f64");
  } else if constexpr (kind == Kind::enumeration) {
    describe<std::underlying_type_t<T>, Outer>(out);
  } else if constexpr (kind == Kind::text) {
    out.append("str");
  } else if constexpr (kind == Kind::bytes) {
    out.append("bin");
  } else if constexpr (kind == Kind::fixed_bytes) {
    out.append("bin*");
    append_number(out, std::tuple_size_v<T>);
  } else if constexpr (kind == Kind::duration) {
    describe_ticks<typename T::period>(out, "d", std::is_floating_point_v<typename T::rep>);
  } else if constexpr (kind == Kind::sys_time) {
    describe_ticks<typename T::period>(out, "t", std::is_floating_point_v<typename T::rep>);
  } else if constexpr (kind == Kind::unit) {
    out.append("nil");
  } else if constexpr (kind == Kind::optional) {
    describe_all<Outer, Pointee<T>>(out, "", "", "?");
  } else if constexpr (kind == Kind::fixed_sequence) {
    describe_all<Outer, typename T::value_type>(out, "[", "", "*");
    append_number(out, std::tuple_size_v<T>);
    out.append("]");
  } else if constexpr (kind == Kind::map) {
    describe_all<Outer, typename T::key_type, typename T::mapped_type>(out, "{", ":", "}");
  } else if constexpr (kind == Kind::set || kind == Kind::sequence) {
    describe_all<Outer, typename T::value_type>(out, "[", "", "]");
  } else if constexpr (kind == Kind::tuple) {
    DescribeParts<T, Outer>::run(out, "(", ",", ")");
  } else if constexpr (kind == Kind::variant) {
    DescribeParts<T, Outer>::run(out, "<", "|", ">");
  } else if constexpr (kind == Kind::aggregate) {
    describe_aggregate<T>(out, Outer{});
  }
}

template <class T>
consteval std::uint64_t schema_fingerprint() {
  Fingerprint fingerprint;
  describe<T, Enclosing<>>(fingerprint);
  return fingerprint.value();
}

}  // namespace terrace::detail
