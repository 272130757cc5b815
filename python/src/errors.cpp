#include "errors.hpp"

#include <exception>

namespace terrace::python {
namespace {

/// The name of the kind, as the exceptions' `code` has it.
const char* name_of(const std::error_code& code) noexcept {
  if (code.category() != error_category()) return "io_error";
  switch (static_cast<Errc>(code.value())) {
    case Errc::unavailable:
      return "unavailable";
    case Errc::timed_out:
      return "timed_out";
    case Errc::shutdown:
      return "shutdown";
    case Errc::invalid_key:
      return "invalid_key";
    case Errc::value_too_large:
      return "value_too_large";
    case Errc::not_found:
      return "not_found";
    case Errc::loader_failed:
      return "loader_failed";
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
      return "partial_write";
    case Errc::io_error:
      return "io_error";
    case Errc::would_deadlock:
      return "would_deadlock";
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::effect_unknown:
      return "effect_unknown";
  }
  return "io_error";
}

nb::object errors_module() {
  return nb::module_::import_("terrace._errors");
}

std::size_t entries_of(nb::object trace) {
  std::size_t entries = 0;
  for (; trace.is_valid() && !trace.is_none(); ++entries) trace = trace.attr("tb_next");
  return entries;
}

/// Otherwise the exception would keep the frames of everybody who has raised it before. The traceback of the
/// moment when it was taken is not referred to by itself: its frames hold objects of this module, and the last
/// reference may go too late, at the end of the interpreter.
void forget_raisers(const PythonFailure& failure) {
  nb::object trace = nb::steal(PyException_GetTraceback(failure.exception.object()));
  std::size_t entries = entries_of(trace);
  if (entries <= failure.entries) return;
  for (; entries > failure.entries; --entries) trace = trace.attr("tb_next");
  PyException_SetTraceback(failure.exception.object(), trace.ptr());
}

}  // namespace

Error error_of(PyObject* exception, Errc kind) {
  const nb::object text = nb::steal(PyObject_Str(exception));
  std::string what = Py_TYPE(exception)->tp_name;
  if (text.is_valid() && PyUnicode_GetLength(text.ptr()) > 0) {
    if (const char* utf8 = PyUnicode_AsUTF8(text.ptr())) what += std::string(": ") + utf8;
  }
  PyErr_Clear();
  Error error(kind, std::move(what));
  error.cause = std::make_exception_ptr(
      PythonFailure{Reference::of(exception), entries_of(nb::steal(PyException_GetTraceback(exception)))});
  return error;
}

Error take_python_error(Errc kind) {
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  if (trace != nullptr) PyException_SetTraceback(value, trace);
  const Error error = error_of(value, kind);
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(trace);
  return error;
}

PyObject* exception_of(const Error& error) {
  if (error.cause != nullptr) {
    try {
      std::rethrow_exception(error.cause);
    } catch (const PythonFailure& failure) {
      forget_raisers(failure);
      return Py_NewRef(failure.exception.object());
    } catch (...) {
      // Of C++: told by its text.
    }
  }
  try {
    return errors_module().attr("from_code")(name_of(error.code), error.context).release().ptr();
  } catch (nb::python_error& failed) {
    failed.restore();
    return nullptr;
  }
}

PyObject* raise(const Error& error) {
  PyObject* const exception = exception_of(error);
  if (exception == nullptr) return nullptr;
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception)), exception);
  Py_DECREF(exception);
  return nullptr;
}

void register_exceptions() {
  nb::register_exception_translator([](const std::exception_ptr& thrown, void*) {
    try {
      std::rethrow_exception(thrown);
    } catch (const ConfigError& error) {
      PyErr_SetString(errors_module().attr("ConfigError").ptr(), error.what());
    }
  });
}

}  // namespace terrace::python
