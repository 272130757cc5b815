#pragma once
/// Memoized functions as attributes of objects and classes.

#include "python.hpp"

namespace terrace::python {

/// The bound method `instance.function`: a method like any other, whose .invalidate(…) and .key(…) take the
/// arguments after the instance, as the call does. A new reference; null with a Python error.
PyObject* memoized_method(PyObject* function, PyObject* instance);

void define_memoized_method(nb::module_& module);

}  // namespace terrace::python
