#include "plain.hpp"

namespace terrace::python {
namespace {

constexpr int deepest = 100;

bool fits(PyObject* integer) noexcept {
  int overflow = 0;
  PyLong_AsLongLongAndOverflow(integer, &overflow);
  if (overflow == 0) return true;
  if (overflow < 0) return false;
  PyLong_AsUnsignedLongLong(integer);
  const bool fitting = PyErr_Occurred() == nullptr;
  PyErr_Clear();
  return fitting;
}

}  // namespace

bool is_plain(PyObject* value, int depth) noexcept {
  if (PyUnicode_CheckExact(value) || PyFloat_CheckExact(value) || value == Py_None || PyBool_Check(value) ||
      PyBytes_CheckExact(value))
    return true;
  if (PyLong_CheckExact(value)) return fits(value);
  if (depth >= deepest) return false;
  if (PyDict_CheckExact(value)) {
    PyObject *key = nullptr, *item = nullptr;
    Py_ssize_t at = 0;
    while (PyDict_Next(value, &at, &key, &item) != 0) {
      if (!PyUnicode_CheckExact(key) || !is_plain(item, depth + 1)) return false;
    }
    return true;
  }
  if (!PyList_CheckExact(value)) return false;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(value); ++i) {
    if (!is_plain(PyList_GET_ITEM(value, i), depth + 1)) return false;
  }
  return true;
}

}  // namespace terrace::python
