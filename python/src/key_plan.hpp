#pragma once
/// KeyPlan: how the key of a memoized call follows from its arguments.
///
/// Without a template: NAME(LENGTH:KEY…) with every argument as key.hpp writes it, so that no two calls that
/// differ in value or type meet; longer ones than 200 bytes end in a BLAKE2b hash (RFC 7693). With a template
/// such as "user:{id}": its text with the arguments as str() has them (terrace._keys.field_of tells of the
/// other types). In an argument the reserved bytes are written as %XX, and in bytes that are no UTF-8 all
/// that is not ASCII; terrace/_templates.py says which are reserved, and why no two calls meet then.

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "python.hpp"

namespace terrace::python {

class KeyPlan {
 public:
  /// A field of a template: the text before it, the parameter, and an attribute path within that ("" for
  /// none).
  struct Field {
    std::string before;
    std::size_t parameter = 0;
    std::string path = {};
  };

  /// `fields` none: no template; then `prefix` is the function's name, else unused. `tail`: text after the
  /// last field. `reserved`: the bytes that a field escapes.
  KeyPlan(std::string prefix, std::optional<std::vector<Field>> fields, std::string tail,
          std::string_view reserved);

  /// The key for these arguments, one for each parameter; false with a Python error.
  bool write(std::string& key, std::span<PyObject* const> arguments) const;

 private:
  bool write_field(std::string& key, const Field& field, PyObject* argument) const;
  [[nodiscard]] bool is_reserved(char c) const noexcept { return reserved_[static_cast<unsigned char>(c)]; }
  /// Writes what is reserved as %XX, and with `ascii_only` what is not ASCII, too.
  void escape(std::string& key, std::size_t from, bool ascii_only = false) const;
  void shorten(std::string& key) const;

  std::string prefix_;
  std::optional<std::vector<Field>> fields_;
  std::string tail_;
  std::array<bool, 256> reserved_{};
};

}  // namespace terrace::python
