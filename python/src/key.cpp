#include "key.hpp"

#include <charconv>

namespace terrace::python {
namespace {

constexpr char mark = '\1';
constexpr long long longest_decimal = 2048;  // bits

void append_number(std::string& out, long long number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

bool append_utf8(std::string& out, PyObject* text) {
  Py_ssize_t size = 0;
  const char* const utf8 = PyUnicode_AsUTF8AndSize(text, &size);
  if (utf8 == nullptr) return false;
  out.append(utf8, static_cast<std::size_t>(size));
  return true;
}

bool append_text(std::string& out, PyObject* text) {
  Py_ssize_t size = 0;
  const char* const utf8 = PyUnicode_AsUTF8AndSize(text, &size);
  if (utf8 == nullptr) return false;
  if (size == 0 || utf8[0] == mark) out += {mark, 's'};
  out.append(utf8, static_cast<std::size_t>(size));
  return true;
}

bool append_integer(std::string& out, PyObject* integer) {
  out += {mark, 'i'};
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(integer, &overflow);
  if (overflow == 0) return append_number(out, number), true;
  // Decimal digits of long ones are slow, and Python refuses them from some length on that a program may
  // change.
  const nb::object bits = nb::steal(PyObject_CallMethod(integer, "bit_length", nullptr));
  if (!bits.is_valid()) return false;
  const bool hexadecimal =
      PyLong_AsLongLongAndOverflow(bits.ptr(), &overflow) > longest_decimal || overflow != 0;
  const nb::object digits =
      nb::steal(hexadecimal ? PyNumber_ToBase(integer, 16) : PyLong_Type.tp_repr(integer));
  if (hexadecimal) out += 'x';
  return digits.is_valid() && append_utf8(out, digits.ptr());
}

bool append_tuple(std::string& out, PyObject* tuple, Kin kin) {
  if (Py_EnterRecursiveCall(" in the key of a tuple") != 0) return false;
  const Py_ssize_t size = PyTuple_GET_SIZE(tuple);
  out += {mark, 't'};
  append_number(out, size);
  out += ':';
  bool fine = true;
  for (Py_ssize_t i = 0; fine && i < size; ++i) fine = append_item(out, PyTuple_GET_ITEM(tuple, i), kin);
  Py_LeaveRecursiveCall();
  return fine;
}

/// Enums, dates, UUIDs …, and the error for what cannot be a key.
bool append_other(std::string& out, PyObject* object, Kin kin) {
  try {
    const nb::object made =
        nb::module_::import_("terrace._keys").attr("key_of")(nb::handle(object), kin == Kin::apart);
    if (PyTuple_CheckExact(made.ptr())) return append_key(out, PyTuple_GET_ITEM(made.ptr(), 0), kin);
    const nb::bytes key(made);
    out += mark;
    out.append(PyBytes_AS_STRING(key.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(key.ptr())));
    return true;
  } catch (nb::python_error& failed) {
    failed.restore();
    return false;
  }
}

}  // namespace

bool append_key(std::string& out, PyObject* object, Kin kin) {
  if (PyUnicode_CheckExact(object)) return append_text(out, object);
  if (PyLong_CheckExact(object)) return append_integer(out, object);
  if (object == Py_None) return out += {mark, 'N'}, true;
  if (PyBool_Check(object)) return out += {mark, object == Py_True ? 'T' : 'F'}, true;
  if (PyTuple_CheckExact(object)) return append_tuple(out, object, kin);
  if (PyBytes_CheckExact(object)) {
    out += {mark, 'b'};
    out.append(PyBytes_AS_STRING(object), static_cast<std::size_t>(PyBytes_GET_SIZE(object)));
    return true;
  }
  if (PyFloat_CheckExact(object)) {
    out += {mark, 'f'};
    const nb::object text = nb::steal(PyObject_Repr(object));
    return text.is_valid() && append_utf8(out, text.ptr());
  }
  return append_other(out, object, kin);
}

bool append_item(std::string& out, PyObject* object, Kin kin) {
  const std::size_t begin = out.size();
  if (!append_key(out, object, kin)) return false;
  char digits[24];
  auto end = std::to_chars(digits, digits + sizeof digits, out.size() - begin).ptr;
  *end++ = ':';
  out.insert(begin, digits, static_cast<std::size_t>(end - digits));
  return true;
}

bool refuse_surrogates(PyObject* object) {
  if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError) != 0) {
    PyErr_Clear();
    PyErr_Format(nb::module_::import_("terrace._errors").attr("KeyTypeError").ptr(),
                 "a str with lone surrogates (%A) is no key: encode it, or use bytes", object);
  }
  return false;
}

bool Key::read_any(PyObject* object) {
  own_.clear();
  if (!append_key(own_, object, Kin::same)) return refuse_surrogates(object);
  text_ = own_;
  return true;
}

}  // namespace terrace::python
