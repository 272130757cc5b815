#include "key_plan.hpp"

#include <sodium.h>

#include <algorithm>
#include <charconv>

#include "key.hpp"

namespace terrace::python {
namespace {

constexpr std::size_t longest_plain = 200;

/// What a text looks like. `perhaps_other`: terrace._fields knows.
enum class Looks { text, other, perhaps_other };

Looks looks_of(PyObject* argument) noexcept {
  if (!PyUnicode_IS_COMPACT_ASCII(argument)) return Looks::text;
  const std::string_view text(static_cast<const char*>(PyUnicode_DATA(argument)),
                              static_cast<std::size_t>(PyUnicode_GET_LENGTH(argument)));
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  std::string_view digits = text;
  if (digits.starts_with('-')) digits.remove_prefix(1);
  if (!digits.empty() && std::ranges::all_of(digits, digit) && (digits.front() != '0' || text == "0"))
    return Looks::other;
  for (const std::string_view word : {"None", "True", "False", "nan", "inf", "-inf"}) {
    if (text == word) return Looks::other;
  }
  // Numbers, dates, times and UUIDs.
  const auto part = [&](char c) {
    return digit(c) || (c >= 'a' && c <= 'f') || std::string_view(".+-: ").find(c) != std::string_view::npos;
  };
  return std::ranges::any_of(text, digit) && std::ranges::all_of(text, part) ? Looks::perhaps_other
                                                                             : Looks::text;
}

void append_hex(std::string& out, unsigned char byte) {
  constexpr char digits[] = "0123456789ABCDEF";
  out += {digits[byte >> 4], digits[byte & 15]};
}

}  // namespace

KeyPlan::KeyPlan(std::string prefix, std::optional<std::vector<Field>> fields, std::string tail,
                 std::string_view reserved)
    : prefix_(std::move(prefix)), fields_(std::move(fields)), tail_(std::move(tail)) {
  for (const char c : reserved) reserved_[static_cast<unsigned char>(c)] = true;
}

bool KeyPlan::write(std::string& key, std::span<PyObject* const> arguments, PyObject* owners) const {
  key.clear();
  if (fields_) {
    Py_ssize_t at = 0;
    for (const Field& field : *fields_) {
      key += field.before;
      if (!write_field(key, field, arguments[field.parameter], PyTuple_GET_ITEM(owners, at++))) return false;
    }
    key += tail_;
    return true;
  }
  key += prefix_;
  key += '(';
  for (PyObject* const argument : arguments) {
    if (!append_item(key, argument, Kin::apart)) return refuse_surrogates(argument);
  }
  key += ')';
  if (key.size() > prefix_.size() + longest_plain) shorten(key);
  return true;
}

bool KeyPlan::write_field(std::string& key, const Field& field, PyObject* argument, PyObject* owner) const {
  nb::object held;
  for (const std::string& name : field.path) {
    held = nb::steal(PyObject_GetAttrString(argument, name.c_str()));
    if (!held.is_valid()) return false;
    argument = held.ptr();
  }
  if (PyLong_CheckExact(argument)) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(argument, &overflow);
    if (overflow == 0) {
      const std::size_t from = key.size();
      char digits[24];
      key.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
      escape(key, from);  // the text between fields may be a "-"
      if (field.owner != Owner::looks && field.owner != Owner::integer) write_type(key, "int");
      return true;
    }
  }
  if (PyUnicode_CheckExact(argument)) {
    const Looks looks = field.owner == Owner::text    ? Looks::text
                        : field.owner == Owner::looks ? looks_of(argument)
                                                      : Looks::other;
    if (looks != Looks::perhaps_other) {
      if (!write_text(key, argument)) return false;
      if (looks == Looks::other) write_type(key, "str");
      return true;
    }
  }
  return write_any_field(key, argument, owner);
}

bool KeyPlan::write_any_field(std::string& key, PyObject* argument, PyObject* owner) const {
  try {
    const nb::tuple parts(
        nb::module_::import_("terrace._fields").attr("field_of")(nb::handle(argument), nb::handle(owner)));
    const nb::object text = parts[0], type = parts[1];
    if (PyBytes_Check(text.ptr())) {  // no UTF-8: no str has these escapes
      const std::size_t from = key.size();
      key.append(PyBytes_AS_STRING(text.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(text.ptr())));
      escape(key, from, true);
    } else if (!write_text(key, text.ptr())) {
      return false;
    }
    if (!type.is_none()) write_type(key, nb::cast<std::string>(type));
    return true;
  } catch (nb::python_error& failed) {
    failed.restore();
    return false;
  }
}

bool KeyPlan::write_text(std::string& key, PyObject* text) const {
  const std::size_t from = key.size();
  Py_ssize_t size = 0;
  const char* const utf8 = PyUnicode_AsUTF8AndSize(text, &size);
  if (utf8 == nullptr) return refuse_surrogates(text);
  key.append(utf8, static_cast<std::size_t>(size));
  escape(key, from);
  return true;
}

/// An escaped argument has no "%%".
void KeyPlan::write_type(std::string& key, std::string_view name) const {
  key += "%%";
  const std::size_t from = key.size();
  key += name;
  escape(key, from);
}

void KeyPlan::escape(std::string& key, std::size_t from, bool ascii_only) const {
  const auto reserved = [&](char c) {
    return is_reserved(c) || (ascii_only && static_cast<unsigned char>(c) > 127);
  };
  const std::string_view written = std::string_view(key).substr(from);
  if (std::ranges::none_of(written, reserved)) return;
  std::string escaped;
  for (const char c : written) {
    if (reserved(c)) {
      escaped += '%';
      append_hex(escaped, static_cast<unsigned char>(c));
    } else {
      escaped += c;
    }
  }
  key.replace(from, std::string::npos, escaped);
}

void KeyPlan::shorten(std::string& key) const {
  unsigned char digest[32];
  crypto_generichash(digest, sizeof digest, reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                     nullptr, 0);
  key.resize(prefix_.size());
  key += '#';
  for (const unsigned char byte : digest) append_hex(key, byte);
}

}  // namespace terrace::python
