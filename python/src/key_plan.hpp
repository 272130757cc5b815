#pragma once
/// KeyPlan: how the key of a memoized call follows from its arguments.
///
/// Without a template: NAME(LENGTH:KEY…) with every argument as key.hpp writes it, so that no two calls that
/// differ in value or type meet; longer ones than 200 bytes end in a BLAKE2b hash (RFC 7693). With a template
/// such as "user:{id}": its text with the arguments as str() has them. In an argument the reserved bytes are
/// written as %XX, and in bytes that are no UTF-8 all that is not ASCII; terrace/_templates.py says which are
/// reserved, and why no two calls meet then. Where arguments of several types have one text, one type owns
/// it: that of the parameter's annotation, else the one that the text reads as (terrace/_fields.py). For the
/// others
/// "%%" and the type's name follow.

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
  /// The type whose texts stand in a field without a name of a type: str, int, or whose they look like.
  enum class Owner { looks, text, integer, other };

  /// A field of a template: the text before it, the parameter, and an attribute path within that.
  struct Field {
    std::string before;
    std::size_t parameter = 0;
    std::vector<std::string> path = {};
    Owner owner = Owner::looks;
  };

  /// `fields` none: no template; then `prefix` is the function's name, else unused. `tail`: text after the
  /// last field. `reserved`: the bytes that a field escapes.
  KeyPlan(std::string prefix, std::optional<std::vector<Field>> fields, std::string tail,
          std::string_view reserved);

  /// The key for these arguments, one for each parameter; false with a Python error. `owners`: a tuple with
  /// the type that owns the texts of each field, or None.
  bool write(std::string& key, std::span<PyObject* const> arguments, PyObject* owners) const;

 private:
  bool write_field(std::string& key, const Field& field, PyObject* argument, PyObject* owner) const;
  bool write_any_field(std::string& key, PyObject* argument, PyObject* owner) const;
  bool write_text(std::string& key, PyObject* text) const;
  void write_type(std::string& key, std::string_view name) const;
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
