#pragma once
/// Sentinels: what stands for "memory has nothing" and "known not to exist", where None is a value.

#include "python.hpp"

namespace terrace::python {

struct Sentinels {
  PyObject* nothing = nullptr;
  PyObject* negative = nullptr;
  PyObject* decode_error = nullptr;  ///< the class: looked up before an error is pending
};

/// Made with the module, and never let go of.
inline Sentinels& sentinels() noexcept {
  static Sentinels both;
  return both;
}

}  // namespace terrace::python
