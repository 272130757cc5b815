/// What is asked most often: reads that memory answers. Plain CPython methods, since every detour would cost
/// more than the look-up itself. What memory does not have goes on to the tiers here too, if no loader is
/// needed for it.

#include "cache.hpp"
#include "errors.hpp"
#include "interpreter.hpp"
#include "key.hpp"
#include "sentinels.hpp"

namespace terrace::python {
namespace {

/// A value that cannot be read is no value: a miss, and counted. False: another error, which stands.
bool take_for_miss(CacheBase& cache, std::string_view key) {
  if (PyErr_ExceptionMatches(sentinels().decode_error) == 0) return false;
  PyErr_Clear();
  cache.count_unreadable();
  if (cache.is_open()) cache.memory()->forget(key);
  return true;
}

/// Asks the tiers and waits. A new reference in `object` for Seen::value.
Seen look_below(CacheBase& cache, std::string_view key, PyObject*& object) {
  if (!cache.is_open()) return raise(Error(Errc::shutdown, "the cache is closed")), Seen::failed;
  const auto engine = cache.engine();
  const auto memory = cache.memory();
  const auto call = std::make_shared<Call>(memory->scheduler());
  without_gil([&] {
    engine->read({std::string(key)}, nullptr, {},
                 [call](std::vector<cascade::Answer> answers) { call->end(std::move(answers)); });
    return true;
  });
  static_cast<void>(call->wait());  // without a loader no load comes
  if (PyErr_Occurred() != nullptr) return Seen::failed;
  auto outcome = call->take();
  const auto& answer = std::get<std::vector<cascade::Answer>>(outcome).front();
  if (answer.kind == LookupKind::negative) return Seen::negative;
  if (answer.kind == LookupKind::miss) return Seen::nothing;
  if (answer.kind == LookupKind::unavailable) {
    const bool refused = answer.error == Errc::shutdown || answer.error == Errc::invalid_key;
    return refused ? (raise(answer.error), Seen::failed) : Seen::nothing;
  }
  PyObject* const found = static_cast<const Value*>(answer.entry.value.get())->resolve(memory->codec());
  if (found == nullptr) return take_for_miss(cache, key) ? Seen::nothing : Seen::failed;
  object = cache.handed_out(found);
  Py_DECREF(found);
  return object == nullptr ? Seen::failed : Seen::value;
}

Seen look_everywhere(CacheBase& cache, std::string_view key, PyObject*& object) {
  Seen seen = cache.look(key, object);
  if (seen == Seen::failed && take_for_miss(cache, key)) seen = Seen::nothing;
  if (seen != Seen::nothing || !cache.has_tiers()) return seen;
  return look_below(cache, key, object);
}

/// Opens a cache that a fork has left shut, or raises Closed.
bool ensure_open(PyObject* self, CacheBase& cache) {
  if (cache.is_open()) [[likely]]
    return true;
  PyObject* const done = PyObject_CallMethod(self, "_reopen", nullptr);
  Py_XDECREF(done);
  return done != nullptr;
}

Seen find(PyObject* self, PyObject* key_object, PyObject*& object) {
  CacheBase& cache = cache_of(self);
  Key key;
  if (!ensure_open(self, cache) || !key.read(key_object)) return Seen::failed;
  return look_everywhere(cache, key.text(), object);
}

PyObject* get(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
  PyObject* instead = Py_None;
  if (names != nullptr && PyTuple_GET_SIZE(names) > 0) {
    if (count != 1 || PyTuple_GET_SIZE(names) != 1 ||
        PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "default") != 0) {
      PyErr_SetString(PyExc_TypeError, "get(key, default=None) takes no other arguments");
      return nullptr;
    }
    instead = arguments[1];
  } else if (count == 2) {
    instead = arguments[1];
  } else if (count != 1) {
    PyErr_Format(PyExc_TypeError, "get() takes a key and a default, not %zd arguments", count);
    return nullptr;
  }
  PyObject* object = nullptr;
  switch (find(self, arguments[0], object)) {
    case Seen::value:
      return object;
    case Seen::failed:
      return nullptr;
    default:
      return Py_NewRef(instead);
  }
}

PyObject* subscript(PyObject* self, PyObject* key) {
  PyObject* object = nullptr;
  switch (find(self, key, object)) {
    case Seen::value:
      return object;
    case Seen::failed:
      return nullptr;
    default:
      // A tuple would be taken for the arguments of the exception.
      if (const nb::object arguments = nb::steal(PyTuple_Pack(1, key)); arguments.is_valid())
        PyErr_SetObject(PyExc_KeyError, arguments.ptr());
      return nullptr;
  }
}

int contains(PyObject* self, PyObject* key) {
  PyObject* object = nullptr;
  const Seen seen = find(self, key, object);
  Py_XDECREF(object);
  return seen == Seen::failed ? -1 : seen == Seen::value;
}

PyObject* peek_text(CacheBase& cache, std::string_view key, bool* refresh = nullptr) {
  PyObject* object = nullptr;
  Seen seen = cache.look(key, object, refresh);
  if (seen == Seen::failed && take_for_miss(cache, key)) seen = Seen::nothing;
  if (seen == Seen::failed) return nullptr;
  if (seen == Seen::value) return object;
  return Py_NewRef(seen == Seen::negative ? sentinels().negative : sentinels().nothing);
}

/// _get_memory(key): what memory has, else None.
PyObject* get_memory(PyObject* self, PyObject* key_object) {
  CacheBase& cache = cache_of(self);
  Key key;
  if (!ensure_open(self, cache) || !key.read(key_object)) return nullptr;
  PyObject* object = nullptr;
  const Seen seen = cache.look(key.text(), object);
  if (seen == Seen::value) return object;
  if (seen == Seen::failed && !take_for_miss(cache, key.text())) return nullptr;
  Py_RETURN_NONE;
}

/// _peek(key): what memory has, else NOTHING or NEGATIVE.
PyObject* peek(PyObject* self, PyObject* key_object) {
  CacheBase& cache = cache_of(self);
  Key key;
  if (!ensure_open(self, cache) || !key.read(key_object)) return nullptr;
  return peek_text(cache, key.text());
}

/// _peek_undue(key): as _peek, and NOTHING for what should be refreshed ahead of time.
PyObject* peek_undue(PyObject* self, PyObject* key_object) {
  CacheBase& cache = cache_of(self);
  Key key;
  if (!ensure_open(self, cache) || !key.read(key_object)) return nullptr;
  bool refresh = false;
  PyObject* const found = peek_text(cache, key.text(), &refresh);
  if (found == nullptr || !refresh) return found;
  Py_DECREF(found);
  return Py_NewRef(sentinels().nothing);
}

/// _recall(key_bytes): the value that memory has, in a tuple, else None. No access: who asks has looked.
PyObject* recall(PyObject* self, PyObject* key) {
  CacheBase& cache = cache_of(self);
  char* text = nullptr;
  Py_ssize_t size = 0;
  if (!ensure_open(self, cache) || PyBytes_AsStringAndSize(key, &text, &size) != 0) return nullptr;
  const auto memory = cache.memory();
  const auto found = memory->recall({text, static_cast<std::size_t>(size)});
  if (!found || !found->serves || found->entry.value == nullptr) Py_RETURN_NONE;
  const nb::object value =
      nb::steal(static_cast<const Value*>(found->entry.value.get())->resolve(memory->codec()));
  if (!value.is_valid()) {
    if (!take_for_miss(cache, {text, static_cast<std::size_t>(size)})) return nullptr;
    Py_RETURN_NONE;
  }
  const nb::object own = nb::steal(cache.handed_out(value.ptr()));
  return own.is_valid() ? PyTuple_Pack(1, own.ptr()) : nullptr;
}

/// get_or_load(key, loader, **options): memory's answer at once; everything else is _load()'s.
PyObject* get_or_load(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
  if (count >= 2) {
    CacheBase& cache = cache_of(self);
    Key key;
    if (!ensure_open(self, cache) || !key.read(arguments[0])) return nullptr;
    PyObject* object = nullptr;
    bool refresh = false;
    const Seen seen = cache.look(key.text(), object, &refresh);
    if (seen == Seen::value && !refresh) return object;
    Py_XDECREF(object);
    if (seen == Seen::failed && !take_for_miss(cache, key.text())) return nullptr;
  }
  const nb::object load = nb::steal(PyObject_GetAttrString(self, "_load"));
  return load.is_valid() ? PyObject_Vectorcall(load.ptr(), arguments, static_cast<std::size_t>(count), names)
                         : nullptr;
}

template <class Function>
PyCFunction method(Function* function) noexcept {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef methods[] = {
    {"get", method(&get), METH_FASTCALL | METH_KEYWORDS,
     "get($self, key, default=None)\n--\n\n"
     "The value, from memory or the tiers; `default` when no level has it, it is known not to exist, or no "
     "level\n"
     "could be asked (lookup() tells which). A stored None is a hit. Raises KeyTypeError and Closed."},
    {"get_or_load", method(&get_or_load), METH_FASTCALL | METH_KEYWORDS,
     "get_or_load($self, key, loader, **options)\n--\n\n"
     "The value from the levels, else from `loader`: terrace.Cache tells more."},
    {"_get_memory", &get_memory, METH_O, "_get_memory($self, key)\n--\n\nWhat memory has, else None."},
    {"_peek", &peek, METH_O, "_peek($self, key)\n--\n\nWhat memory has, else NOTHING or NEGATIVE."},
    {"_peek_undue", &peek_undue, METH_O,
     "_peek_undue($self, key)\n--\n\nAs _peek, and NOTHING for what should be refreshed ahead of time."},
    {"_recall", &recall, METH_O,
     "_recall($self, key_bytes)\n--\n\nThe value that memory has, in a tuple, else None; no access."},
    {nullptr, nullptr, 0, nullptr}};

const PyType_Slot slots[] = {{Py_tp_methods, static_cast<void*>(methods)},
                             {Py_mp_subscript, reinterpret_cast<void*>(&subscript)},
                             {Py_sq_contains, reinterpret_cast<void*>(&contains)},
                             {0, nullptr}};

}  // namespace

const PyType_Slot* hot_slots() noexcept {
  return slots;
}

CacheBase& cache_of(PyObject* self) noexcept {
  return *nb::inst_ptr<CacheBase>(nb::handle(self));
}

}  // namespace terrace::python
