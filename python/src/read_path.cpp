/// The read path: get(), [], in and get_or_load() as far as memory answers. Plain CPython methods, since every
/// detour would cost more than the lookup itself. A miss goes on to the tiers here as well, if the call has no
/// loader; a call with one goes on in Python (Cache._load).
///
///   lookup()                    memory, then the tiers: get, [] and in
///   lookup_below()              the tiers alone
///   lookup_for_load()           memory alone, for get_or_load: a value that is due to be refreshed is a miss
///   CacheBase::lookup_in_memory memory alone: what all of them ask first (cache.cpp)
///   recall()                    memory alone, without counting as an access

// datetime.h needs Python.h before it.
// clang-format off
#include "python.hpp"
#include <datetime.h>
// clang-format on

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

/// Asks the tiers and waits. A new reference in `object` for LookupResult::value.
LookupResult lookup_below(CacheBase& cache, std::string_view key, PyObject*& object) {
  if (!cache.is_open()) return raise(Error(Errc::shutdown, "the cache is closed")), LookupResult::failed;
  const auto engine = cache.engine();
  const auto memory = cache.memory();
  const auto call = std::make_shared<Call>(memory->scheduler());
  without_gil([&] {
    engine->read({std::string(key)}, nullptr, {},
                 [call](std::vector<cascade::Answer> answers) { call->end(std::move(answers)); });
    return true;
  });
  static_cast<void>(call->wait());  // without a loader no load comes
  if (PyErr_Occurred() != nullptr) return LookupResult::failed;
  auto outcome = call->take();
  const auto& answer = std::get<std::vector<cascade::Answer>>(outcome).front();
  if (answer.kind == LookupKind::negative) return LookupResult::negative;
  if (answer.kind == LookupKind::miss) return LookupResult::miss;
  if (answer.kind == LookupKind::unavailable) {
    const bool refused = answer.error == Errc::shutdown || answer.error == Errc::invalid_key;
    return refused ? (raise(answer.error), LookupResult::failed) : LookupResult::miss;
  }
  PyObject* const found = static_cast<const Value*>(answer.entry.value.get())->resolve(memory->codec());
  if (found == nullptr) return take_for_miss(cache, key) ? LookupResult::miss : LookupResult::failed;
  object = cache.handed_out(found);
  Py_DECREF(found);
  return object == nullptr ? LookupResult::failed : LookupResult::value;
}

/// Opens a cache that a fork has left shut, or raises Closed.
bool ensure_open(PyObject* self, CacheBase& cache) {
  if (cache.is_open()) [[likely]]
    return true;
  PyObject* const done = PyObject_CallMethod(self, "_reopen", nullptr);
  Py_XDECREF(done);
  return done != nullptr;
}

/// Asks memory. A value that cannot be decoded is a miss. `key` holds what it read of `key_object`.
LookupResult lookup_readable(PyObject* self, PyObject* key_object, Key& key, PyObject*& object,
                             bool* refresh = nullptr) {
  CacheBase& cache = cache_of(self);
  if (!ensure_open(self, cache) || !key.read(key_object)) return LookupResult::failed;
  const LookupResult result = cache.lookup_in_memory(key.text(), object, refresh);
  if (result == LookupResult::failed && take_for_miss(cache, key.text())) return LookupResult::miss;
  return result;
}

/// Asks memory, then the tiers.
LookupResult lookup(PyObject* self, PyObject* key_object, PyObject*& object) {
  Key key;
  const LookupResult result = lookup_readable(self, key_object, key, object);
  CacheBase& cache = cache_of(self);
  if (result != LookupResult::miss || !cache.has_tiers()) return result;
  return lookup_below(cache, key.text(), object);
}

/// Asks memory for a key of get_or_load: a value that is due to be refreshed is a miss.
LookupResult lookup_for_load(PyObject* self, PyObject* key_object, PyObject*& object) {
  Key key;
  bool refresh = false;
  const LookupResult result = lookup_readable(self, key_object, key, object, &refresh);
  if (result != LookupResult::value || !refresh) return result;
  Py_CLEAR(object);
  return LookupResult::miss;
}

/// The object that Python gets for it: a new reference; null for LookupResult::failed.
PyObject* as_object(LookupResult result, PyObject* object) {
  if (result == LookupResult::failed) return nullptr;
  if (result == LookupResult::value) return object;
  return Py_NewRef(result == LookupResult::negative ? sentinels().negative : sentinels().miss);
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
  switch (lookup(self, arguments[0], object)) {
    case LookupResult::value:
      return object;
    case LookupResult::failed:
      return nullptr;
    default:
      return Py_NewRef(instead);
  }
}

PyObject* subscript(PyObject* self, PyObject* key) {
  PyObject* object = nullptr;
  switch (lookup(self, key, object)) {
    case LookupResult::value:
      return object;
    case LookupResult::failed:
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
  const LookupResult result = lookup(self, key, object);
  Py_XDECREF(object);
  return result == LookupResult::failed ? -1 : result == LookupResult::value;
}

bool is_named(PyObject* name, const char* text) noexcept {
  return PyUnicode_CompareWithASCIIString(name, text) == 0;
}

/// _get_from_memory(key): what memory has, otherwise None. L1Cache.get is this.
PyObject* get_from_memory(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
  const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  if (count + named != 1 || (named == 1 && !is_named(PyTuple_GET_ITEM(names, 0), "key"))) [[unlikely]] {
    PyErr_SetString(PyExc_TypeError, "get(key) takes no other arguments");
    return nullptr;
  }
  Key key;
  PyObject* object = nullptr;
  const LookupResult result = lookup_readable(self, arguments[0], key, object);
  if (result == LookupResult::value) return object;
  if (result == LookupResult::failed) return nullptr;
  Py_RETURN_NONE;
}

/// _lookup_in_memory(key): what memory has, otherwise MISS or NEGATIVE.
PyObject* lookup_in_memory(PyObject* self, PyObject* key_object) {
  Key key;
  PyObject* object = nullptr;
  const LookupResult result = lookup_readable(self, key_object, key, object);
  return as_object(result, object);
}

/// _recall(key_bytes): the value that memory has, otherwise MISS. Counts as no access: the caller's lookup did.
PyObject* recall(PyObject* self, PyObject* key) {
  CacheBase& cache = cache_of(self);
  char* text = nullptr;
  Py_ssize_t size = 0;
  if (!ensure_open(self, cache) || PyBytes_AsStringAndSize(key, &text, &size) != 0) return nullptr;
  const auto memory = cache.memory();
  const auto found = memory->recall({text, static_cast<std::size_t>(size)});
  if (!found || !found->serves || found->entry.value == nullptr) return Py_NewRef(sentinels().miss);
  const nb::object value =
      nb::steal(static_cast<const Value*>(found->entry.value.get())->resolve(memory->codec()));
  if (!value.is_valid()) {
    if (!take_for_miss(cache, {text, static_cast<std::size_t>(size)})) return nullptr;
    return Py_NewRef(sentinels().miss);
  }
  return cache.handed_out(value.ptr());
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

/// get_or_load(key, loader, **options): memory's answer at once; everything else is _load()'s.
PyObject* get_or_load(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* names) {
  if (is_plain_load(arguments, count, names)) {
    PyObject* object = nullptr;
    const LookupResult result = lookup_for_load(self, arguments[0], object);
    if (result == LookupResult::value) return object;
    if (result == LookupResult::failed) return nullptr;
  }
  const nb::object load = nb::steal(PyObject_GetAttrString(self, "_load"));
  return load.is_valid() ? PyObject_Vectorcall(load.ptr(), arguments, static_cast<std::size_t>(count), names)
                         : nullptr;
}

/// _lookup_for_load(key, loader, timeout, tags): as _lookup_in_memory, for a call of aget_or_load; MISS for one
/// that memory may not answer.
PyObject* lookup_for_aload(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 4) return PyErr_Format(PyExc_TypeError, "_lookup_for_load takes 4 arguments"), nullptr;
  if (!is_plain_load(arguments, 2, nullptr) || !is_plain_timeout(arguments[2]) ||
      !are_plain_tags(arguments[3]))
    return Py_NewRef(sentinels().miss);
  PyObject* object = nullptr;
  const LookupResult result = lookup_for_load(self, arguments[0], object);
  return as_object(result, object);
}

template <class Function>
PyCFunction method(Function* function) noexcept {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

// What help() shows. terrace/_cache.py has the same words for editors, which do not look in here.
constexpr auto get_text = R"(get($self, key, default=None)
--

Returns the value, from memory or the tiers. Returns `default` if no level has the key, if it is known not to exist,
or if no level could be asked (lookup() says which). A stored None is a hit. Waits at most
tier_timeout for each answer of a tier, and at most load_timeout for another process that loads the key, if a tier below
Redis may have it. Raises KeyTypeError and Closed. Thread safe.)";

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
    {"_get_from_memory", method(&get_from_memory), METH_FASTCALL | METH_KEYWORDS,
     "_get_from_memory($self, key)\n--\n\nWhat memory has, otherwise None."},
    {"_lookup_in_memory", &lookup_in_memory, METH_O,
     "_lookup_in_memory($self, key)\n--\n\nWhat memory has, otherwise MISS or NEGATIVE."},
    {"_lookup_for_load", method(&lookup_for_aload), METH_FASTCALL,
     "_lookup_for_load($self, key, loader, timeout, tags)\n--\n\nAs _lookup_in_memory, for a call of "
     "aget_or_load; MISS for one that memory may not answer, or whose value is due to be refreshed."},
    {"_recall", &recall, METH_O,
     "_recall($self, key_bytes)\n--\n\nThe value that memory has, otherwise MISS; counts as no access."},
    {nullptr, nullptr, 0, nullptr}};

const PyType_Slot slots[] = {{Py_tp_methods, static_cast<void*>(methods)},
                             {Py_mp_subscript, reinterpret_cast<void*>(&subscript)},
                             {Py_sq_contains, reinterpret_cast<void*>(&contains)},
                             {0, nullptr}};

}  // namespace

const PyType_Slot* read_path_slots() {
  PyDateTime_IMPORT;
  if (PyErr_Occurred() != nullptr) throw nb::python_error();
  return slots;
}

CacheBase& cache_of(PyObject* self) noexcept {
  return *nb::inst_ptr<CacheBase>(nb::handle(self));
}

}  // namespace terrace::python
