#pragma once
/// What every source of the binding begins with: Python's own API and nanobind. The build defines
/// PY_SSIZE_T_CLEAN, for these may be included in any order.

#include <Python.h>
// In this order.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <structmember.h>

namespace nb = nanobind;
