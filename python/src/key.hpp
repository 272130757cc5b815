#pragma once
/// Key: the bytes that stand for a Python object as a key.
///
/// A str is its UTF-8, so that C++ programs and people find it under its own name. Anything else begins with
/// the byte 1 and a letter for its type, so that 1, "1", True and b"1" are four keys:
///
///     i42 int, ix… in hexadecimal beyond 2048 bits · T F bool · N None · f1.5 float · b… bytes · s… str that
///     is empty or begins with the byte 1 · t2:… tuple, its length and then each item as LENGTH:KEY · what
///     terrace._keys makes of other types
///
/// No two objects of different type or value have the same key, with one exception: the key of a str, int,
/// float or bytes of a subclass is that of the plain value (Kin::same), as in a dict. In the arguments of
/// memoized functions the subclass counts (Kin::apart), for the function may tell them apart.

#include <string>
#include <string_view>

#include "python.hpp"

namespace terrace::python {

/// Whether a subclass of str, int, float … has the key of the plain value.
enum class Kin : bool { same, apart };

class Key {
 public:
  Key() = default;
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  /// False, with a Python error (KeyTypeError), when the object cannot be a key. The object must live as long
  /// as the view is used.
  bool read(PyObject* object) {
    if (PyUnicode_CheckExact(object) && PyUnicode_IS_COMPACT_ASCII(object)) [[likely]] {
      text_ = {static_cast<const char*>(PyUnicode_DATA(object)),
               static_cast<std::size_t>(PyUnicode_GET_LENGTH(object))};
      if (!text_.empty() && text_.front() != '\1') [[likely]]
        return true;
    }
    return read_any(object);
  }

  [[nodiscard]] std::string_view text() const noexcept { return text_; }

 private:
  bool read_any(PyObject* object);

  std::string_view text_;
  std::string own_;
};

/// Appends the key of the object; false with a Python error.
bool append_key(std::string& out, PyObject* object, Kin kin);

/// False, for a Python error that is there: KeyTypeError instead of UnicodeEncodeError, with the way out.
bool refuse_surrogates(PyObject* object);

/// Appends LENGTH:KEY, so that what follows cannot be taken for a part of it.
bool append_item(std::string& out, PyObject* object, Kin kin);

}  // namespace terrace::python
