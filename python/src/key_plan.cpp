#include "key_plan.hpp"

#include <sodium.h>

#include <algorithm>
#include <charconv>

#include "key.hpp"

namespace terrace::python {
namespace {

constexpr std::size_t longest_plain = 200;

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

bool KeyPlan::write(std::string& key, std::span<PyObject* const> arguments) const {
  key.clear();
  if (fields_) {
    for (const Field& field : *fields_) {
      key += field.before;
      if (!write_field(key, field, arguments[field.parameter])) return false;
    }
    key += tail_;
    return true;
  }
  key += prefix_;
  key += '(';
  for (PyObject* const argument : arguments) {
    if (!append_item(key, argument)) return refuse_surrogates(argument);
  }
  key += ')';
  if (key.size() > prefix_.size() + longest_plain) shorten(key);
  return true;
}

bool KeyPlan::write_field(std::string& key, const Field& field, PyObject* argument) const {
  const std::size_t from = key.size();
  if (field.path.empty() && PyLong_CheckExact(argument)) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(argument, &overflow);
    if (overflow == 0) {
      char digits[24];
      key.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
      escape(key, from);  // the text between fields may be a "-"
      return true;
    }
  }
  nb::object text;
  if (field.path.empty() && PyUnicode_CheckExact(argument)) {
    text = nb::borrow(argument);
  } else {
    try {
      text = nb::module_::import_("terrace._keys").attr("field_of")(nb::handle(argument), field.path);
    } catch (nb::python_error& failed) {
      failed.restore();
      return false;
    }
  }
  if (PyBytes_Check(text.ptr())) {  // no UTF-8: no str has these escapes
    key.append(PyBytes_AS_STRING(text.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(text.ptr())));
    escape(key, from, true);
    return true;
  }
  Py_ssize_t size = 0;
  const char* const utf8 = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
  if (utf8 == nullptr) return refuse_surrogates(text.ptr());
  key.append(utf8, static_cast<std::size_t>(size));
  escape(key, from);
  return true;
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
