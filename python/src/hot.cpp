/// What is asked most often: reads that memory answers. Plain CPython methods, since every detour would cost
/// more than the look-up itself. What memory does not have goes on to the tiers here too, if no loader is
/// needed for it.

#include <datetime.h>

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
    default: {
      // As one argument: a key that is a tuple would become the arguments of the exception.
      const nb::object missing = nb::steal(PyObject_CallOneArg(PyExc_KeyError, key));
      if (missing.is_valid()) PyErr_SetObject(PyExc_KeyError, missing.ptr());
      return nullptr;
    }
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

bool is_named(PyObject* name, const char* text) noexcept {
  return PyUnicode_CompareWithASCIIString(name, text) == 0;
}

/// _get_memory(key): what memory has, else None. L1Cache.get is this.
PyObject* get_memory(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
  const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  if (count + named != 1 || (named == 1 && !is_named(PyTuple_GET_ITEM(names, 0), "key"))) [[unlikely]] {
    PyErr_SetString(PyExc_TypeError, "get(key) takes no other arguments");
    return nullptr;
  }
  PyObject* const key_object = arguments[0];
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

/// Whether the core takes it as it is. What else could be a limit, _load() finds out.
bool is_plain_timeout(PyObject* value) noexcept {
  if (value == Py_None) return true;
  if (PyFloat_CheckExact(value)) return PyFloat_AS_DOUBLE(value) > 0;
  if (PyLong_CheckExact(value)) {
    int overflow = 0;
    return PyLong_AsLongAndOverflow(value, &overflow) > 0;
  }
  if (!PyDelta_CheckExact(value)) return false;
  const int days = PyDateTime_DELTA_GET_DAYS(value);
  return days > 0 || (days == 0 && (PyDateTime_DELTA_GET_SECONDS(value) > 0 ||
                                    PyDateTime_DELTA_GET_MICROSECONDS(value) > 0));
}

bool is_plain_tag(PyObject* tag) noexcept {
  constexpr Py_ssize_t most = 1024;
  return PyUnicode_CheckExact(tag) && PyUnicode_IS_COMPACT_ASCII(tag) && PyUnicode_GET_LENGTH(tag) > 0 &&
         PyUnicode_GET_LENGTH(tag) <= most;
}

bool are_plain_tags(PyObject* tags) noexcept {
  if (!PyList_CheckExact(tags) && !PyTuple_CheckExact(tags)) return is_plain_tag(tags);
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(tags); ++i) {
    if (!is_plain_tag(PySequence_Fast_GET_ITEM(tags, i))) return false;
  }
  return true;
}

/// Whether a call of get_or_load is one that memory may answer: it has a key, a loader that can be called and
/// options that are surely right. All others are _load()'s to read or to refuse, whether memory has the key
/// or not.
bool is_plain_load(PyObject* const* arguments, Py_ssize_t count, PyObject* names) noexcept {
  if (count != 2 || PyCallable_Check(arguments[1]) == 0) return false;
  const Py_ssize_t options = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  for (Py_ssize_t i = 0; i < options; ++i) {
    PyObject* const name = PyTuple_GET_ITEM(names, i);
    PyObject* const value = arguments[count + i];
    if (!(is_named(name, "timeout") && is_plain_timeout(value)) &&
        !(is_named(name, "tags") && are_plain_tags(value)))
      return false;
  }
  return true;
}

/// What memory has of a key that get_or_load asks for: nothing where the value is due to be refreshed.
Seen look_for_load(PyObject* self, PyObject* key_object, PyObject*& object) {
  CacheBase& cache = cache_of(self);
  Key key;
  if (!ensure_open(self, cache) || !key.read(key_object)) return Seen::failed;
  bool refresh = false;
  const Seen seen = cache.look(key.text(), object, &refresh);
  if (seen == Seen::failed && take_for_miss(cache, key.text())) return Seen::nothing;
  if (seen != Seen::value || !refresh) return seen;
  Py_CLEAR(object);
  return Seen::nothing;
}

/// get_or_load(key, loader, **options): memory's answer at once; everything else is _load()'s.
PyObject* get_or_load(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
  if (is_plain_load(arguments, count, names)) {
    PyObject* object = nullptr;
    const Seen seen = look_for_load(self, arguments[0], object);
    if (seen == Seen::value) return object;
    if (seen == Seen::failed) return nullptr;
  }
  const nb::object load = nb::steal(PyObject_GetAttrString(self, "_load"));
  return load.is_valid() ? PyObject_Vectorcall(load.ptr(), arguments, static_cast<std::size_t>(count), names)
                         : nullptr;
}

/// _peek_load(key, loader, timeout, tags): as _peek, for a call of aget_or_load; NOTHING for one that memory
/// may not answer.
PyObject* peek_load(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 4) return PyErr_Format(PyExc_TypeError, "_peek_load takes 4 arguments"), nullptr;
  if (!is_plain_load(arguments, 2, nullptr) || !is_plain_timeout(arguments[2]) ||
      !are_plain_tags(arguments[3]))
    return Py_NewRef(sentinels().nothing);
  PyObject* object = nullptr;
  const Seen seen = look_for_load(self, arguments[0], object);
  if (seen == Seen::failed) return nullptr;
  if (seen == Seen::value) return object;
  return Py_NewRef(seen == Seen::negative ? sentinels().negative : sentinels().nothing);
}

template <class Function>
PyCFunction method(Function* function) noexcept {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

// What help() shows. terrace/_cache.py has the same words for editors, which do not look in here.
constexpr auto get_text = R"(get($self, key, default=None)
--

Returns the value, from memory or the tiers. Returns `default` if no level has the key, if it is known not to exist,
or if no level could be asked (lookup() says which). A stored None is a hit. Waits at most tier_timeout for each tier.
Raises KeyTypeError and Closed. Thread safe.)";

constexpr auto get_or_load_text = R"(get_or_load($self, key, loader, *, timeout=None, tags=())
--

Returns the value from the levels, otherwise from the loader. If many callers miss a key at the same time, in this
process and in all processes that share one Redis, one loader runs; the other callers wait for it.

loader: is called with nothing, with the key, or with the key and a LoadContext, depending on the number of its required
arguments. It returns the value, ABSENT, or a Load. TypeError is raised if its arguments do not show how to call it. It
runs in the calling thread; with a timeout, soft_load_timeout or eager_refresh it runs on a thread of its own, with the
caller's context variables. No lock is held: the loader may use any cache, but must not ask for its own key.

timeout: how long to wait at most, in seconds or a timedelta; None: load_timeout alone is the limit. tags: of the loaded
value, a list of str or one str. Both are checked even if the key is there.

Raises the loader's exception (also in the callers that waited for it), NotFound (ABSENT, now or within negative_ttl),
Timeout, EncodeError (the tiers cannot store the value), KeyTypeError, Closed. Thread safe.)";

PyMethodDef methods[] = {
    {"get", method(&get), METH_FASTCALL | METH_KEYWORDS, get_text},
    {"get_or_load", method(&get_or_load), METH_FASTCALL | METH_KEYWORDS, get_or_load_text},
    {"_get_memory", method(&get_memory), METH_FASTCALL | METH_KEYWORDS,
     "_get_memory($self, key)\n--\n\nThe value in memory, otherwise None."},
    {"_peek", &peek, METH_O, "_peek($self, key)\n--\n\nThe value in memory, otherwise NOTHING or NEGATIVE."},
    {"_peek_load", method(&peek_load), METH_FASTCALL,
     "_peek_load($self, key, loader, timeout, tags)\n--\n\nLike _peek, for a call of aget_or_load; NOTHING "
     "if "
     "memory may not answer the call, or the value is due for an eager refresh."},
    {"_recall", &recall, METH_O,
     "_recall($self, key_bytes)\n--\n\nThe value in memory, in a tuple, otherwise None; not an access."},
    {nullptr, nullptr, 0, nullptr}};

const PyType_Slot slots[] = {{Py_tp_methods, static_cast<void*>(methods)},
                             {Py_mp_subscript, reinterpret_cast<void*>(&subscript)},
                             {Py_sq_contains, reinterpret_cast<void*>(&contains)},
                             {0, nullptr}};

}  // namespace

const PyType_Slot* hot_slots() {
  PyDateTime_IMPORT;
  if (PyErr_Occurred() != nullptr) throw nb::python_error();
  return slots;
}

CacheBase& cache_of(PyObject* self) noexcept {
  return *nb::inst_ptr<CacheBase>(nb::handle(self));
}

}  // namespace terrace::python
