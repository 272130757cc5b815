#pragma once
/// Sentinels, and every word of the binding for "there is no value":
///
///   MISS      No level that was asked has the key. In C++ LookupResult::miss. Bytes that cannot be decoded are
///             a miss as well.
///   NEGATIVE  The key is known not to exist: a level remembers that the origin has no such key. In C++
///             LookupResult::negative.
///   ABSENT    Public: what a loader returns for a key that does not exist. It makes a NEGATIVE entry, and is
///             never stored as a value.
///   None      A value like any other. Only get() and _get_from_memory() return it for a miss: there the
///             caller asked for that.
///   NO_VALUE  Not of lookups: a parameter of a memoized function without a default, or a variable that has not
///             been assigned yet.
///
/// MISS, NEGATIVE and NO_VALUE exist because None is a value. They stay inside of the package.

#include "python.hpp"

namespace terrace::python {

struct Sentinels {
  PyObject* miss = nullptr;
  PyObject* negative = nullptr;
  PyObject* no_value = nullptr;
  PyObject* decode_error = nullptr;  ///< the class: looked up before an error is pending
};

/// Made with the module, and never let go of.
inline Sentinels& sentinels() noexcept {
  static Sentinels all;
  return all;
}

}  // namespace terrace::python
