#pragma once
/// is_plain: whether MessagePack gives a Python value back as it is, type for type.

#include "python.hpp"

namespace terrace::python {

/// None, bool, int of 64 bits, float, str, bytes, and lists and dicts (with str keys) of such values; of
/// exactly these types, and nested at most 100 deep. False, too, for what only needs another look. Never
/// raises.
[[nodiscard]] bool is_plain(PyObject* value, int depth = 0) noexcept;

}  // namespace terrace::python
