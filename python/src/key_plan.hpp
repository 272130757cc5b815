#pragma once
/// KeyPlan: how the key of a memoized call follows from its arguments.
///
/// Without a template: NAME(LENGTH:KEY…) with every argument as key.hpp writes it, so that no two calls that
/// differ in value or type meet; longer ones than 200 bytes end in a BLAKE2b hash (RFC 7693). With a template
/// such as "user:{id}": its text with the arguments as str() has them. Where a template has several fields,
/// what could be taken for the text between them is written as %XX, so that ("a:b", "c") and ("a", "b:c")
/// stay apart.

#include <optional>
#include <span>
#include <string>
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
  /// last field.
  KeyPlan(std::string prefix, std::optional<std::vector<Field>> fields, std::string tail);

  /// The key for these arguments, one for each parameter; false with a Python error.
  bool write(std::string& key, std::span<PyObject* const> arguments) const;

 private:
  bool write_field(std::string& key, const Field& field, PyObject* argument) const;
  void escape(std::string& key, std::size_t from) const;
  void shorten(std::string& key) const;

  std::string prefix_;
  std::optional<std::vector<Field>> fields_;
  std::string tail_;
  std::string reserved_;  // escaped in fields; empty: a single field needs no escape
};

}  // namespace terrace::python
