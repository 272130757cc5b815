#pragma once
/// Errors: the core's errors as Python exceptions (terrace._errors), and back.

#include <terrace/result.hpp>

#include "value.hpp"

namespace terrace::python {

/// A Python exception on its way through the core: what a loader raised reaches everybody who waits for it.
struct PythonFailure {
  Reference exception;
  std::size_t entries =
      0;  // of its traceback, when it was taken: those who raise it later add theirs in front
};

/// The pending Python error as an Error with it as its cause. Needs the GIL.
[[nodiscard]] Error take_python_error(Errc kind);
/// The same for an exception at hand.
[[nodiscard]] Error error_of(PyObject* exception, Errc kind);

/// The exception that stands for the error: what the loader raised, else one of terrace._errors. A new
/// reference; null with a Python error. Needs the GIL.
[[nodiscard]] PyObject* exception_of(const Error& error);

/// Raises it: sets the Python error and returns null.
PyObject* raise(const Error& error);

/// Makes ConfigError of the core the one of terrace._errors.
void register_exceptions();

}  // namespace terrace::python
