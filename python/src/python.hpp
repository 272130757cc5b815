#pragma once
/// What every source of the binding begins with: Python's own API and nanobind.

#define PY_SSIZE_T_CLEAN
#include <Python.h>
// In this order.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <structmember.h>

namespace nb = nanobind;
