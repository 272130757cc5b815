/// Memoized: a function that remembers its results in a cache. A plain CPython type with vectorcall, so that
/// a hit is a key, a lookup and nothing else; what memory does not have is left to terrace._memoize. That of
/// a coroutine function leaves the call to a coroutine function as well, which asks memory first.

#include "memoized.hpp"

#include <algorithm>
#include <array>

#include "cache.hpp"
#include "key_plan.hpp"
#include "python.hpp"
#include "sentinels.hpp"

namespace terrace::python {
namespace {

struct Memoized {
  PyObject base;  // what PyObject_HEAD stands for
  vectorcallfunc vectorcall;
  PyObject* attributes;
  PyObject* weak_references;
  PyObject* cache;     // a CacheBase
  PyObject* miss;      // miss(key, args, kwargs): the value of a call that memory does not know
  PyObject* bind;      // bind(args, kwargs): a tuple with an argument for each parameter
  PyObject* defaults;  // a tuple for each parameter: its default, or NO_VALUE
  PyObject* owners;    // a tuple for each field of the template, of what key_plan.hpp says
  PyObject* run;       // run(*args, **kwargs): a coroutine, for calls of coroutine functions; else null
  bool positional;     // without keywords, arguments and defaults are the parameters as they come
  KeyPlan* plan;
  std::string* spare;    // the memory of the last key, to be used again
  std::uint64_t hits;    // calls that were answered without the function
  std::uint64_t misses;  // how often the function ran
};

constexpr std::size_t most_parameters = 16;

Memoized& memoized(PyObject* self) noexcept {
  return *reinterpret_cast<Memoized*>(self);
}

/// The arguments of the call in the order of the parameters. Small calls need no allocation.
class Arguments {
 public:
  /// False with a Python error.
  bool bind(const Memoized& self, PyObject* const* given, std::size_t count, PyObject* names) {
    const auto parameters = static_cast<std::size_t>(PyTuple_GET_SIZE(self.defaults));
    if (self.positional && (names == nullptr || PyTuple_GET_SIZE(names) == 0) && count <= parameters &&
        parameters <= most_parameters) {
      bool whole = true;
      for (std::size_t i = 0; i < parameters; ++i) {
        plain_[i] = i < count ? given[i] : PyTuple_GET_ITEM(self.defaults, static_cast<Py_ssize_t>(i));
        whole = whole && plain_[i] != sentinels().no_value;
      }
      if (whole) {
        all_ = {plain_.data(), parameters};
        return true;
      }
    }
    return bind_slowly(self, given, count, names);
  }

  [[nodiscard]] std::span<PyObject* const> all() const noexcept { return all_; }

 private:
  bool bind_slowly(const Memoized& self, PyObject* const* given, std::size_t count, PyObject* names);

  std::array<PyObject*, most_parameters> plain_;
  nb::object bound_;
  std::span<PyObject* const> all_;
};

nb::object as_tuple(PyObject* const* given, std::size_t count) {
  nb::object tuple = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(count)));
  for (std::size_t i = 0; tuple.is_valid() && i < count; ++i)
    PyTuple_SET_ITEM(tuple.ptr(), static_cast<Py_ssize_t>(i), Py_NewRef(given[i]));
  return tuple;
}

nb::object as_dict(PyObject* const* values, PyObject* names) {
  nb::object dict = nb::steal(PyDict_New());
  const Py_ssize_t count = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  for (Py_ssize_t i = 0; dict.is_valid() && i < count; ++i) {
    if (PyDict_SetItem(dict.ptr(), PyTuple_GET_ITEM(names, i), values[i]) != 0) return {};
  }
  return dict;
}

bool Arguments::bind_slowly(const Memoized& self, PyObject* const* given, std::size_t count,
                            PyObject* names) {
  const nb::object positional = as_tuple(given, count);
  const nb::object named = as_dict(given + count, names);
  if (!positional.is_valid() || !named.is_valid()) return false;
  bound_ = nb::steal(PyObject_CallFunctionObjArgs(self.bind, positional.ptr(), named.ptr(), nullptr));
  if (!bound_.is_valid()) return false;
  all_ = {&PyTuple_GET_ITEM(bound_.ptr(), 0), static_cast<std::size_t>(PyTuple_GET_SIZE(bound_.ptr()))};
  return true;
}

/// The key's memory comes from the last call, unless that is still under way.
class SpareKey {
 public:
  explicit SpareKey(Memoized& self) noexcept : self_(self), text(std::move(*self.spare)) {}
  SpareKey(const SpareKey&) = delete;
  SpareKey& operator=(const SpareKey&) = delete;
  ~SpareKey() { *self_.spare = std::move(text); }

 private:
  Memoized& self_;

 public:
  std::string text;
};

bool write_key(Memoized& self, std::string& key, PyObject* const* given, std::size_t count, PyObject* names) {
  Arguments arguments;
  return arguments.bind(self, given, count, names) && self.plan->write(key, arguments.all(), self.owners);
}

/// What memory has for the call: a new reference in `object`. A value that is due to be refreshed is a miss:
/// the call goes on to terrace._memoize.
LookupResult lookup_call(Memoized& self, const std::string& key, PyObject*& object) {
  CacheBase& cache = cache_of(self.cache);
  if (!cache.is_open()) return LookupResult::miss;
  bool refresh = false;
  const LookupResult result = cache.lookup_in_memory(key, object, &refresh);
  if (result == LookupResult::failed) {
    PyErr_Clear();  // the lookup below memory reports it
    return LookupResult::miss;
  }
  if (result != LookupResult::value || !refresh) return result;
  Py_CLEAR(object);
  return LookupResult::miss;
}

/// With a TypeError, for arguments that cannot be a key: leaves the call to the function's attribute
/// _refused, if there is one.
PyObject* refused(const Memoized& self, PyObject* const* given, std::size_t count, PyObject* names) {
  if (PyErr_ExceptionMatches(PyExc_TypeError) == 0) return nullptr;
  PyObject *type, *error, *trace;
  PyErr_Fetch(&type, &error, &trace);
  const nb::object instead = nb::borrow(PyDict_GetItemString(self.attributes, "_refused"));
  if (!instead.is_valid()) return PyErr_Restore(type, error, trace), nullptr;
  Py_XDECREF(type);
  Py_XDECREF(error);
  Py_XDECREF(trace);
  return PyObject_Vectorcall(instead.ptr(), given, count, names);
}

PyObject* call_coroutine(PyObject* callable, PyObject* const* given, std::size_t flagged, PyObject* names) {
  return PyObject_Vectorcall(memoized(callable).run, given, flagged & ~PY_VECTORCALL_ARGUMENTS_OFFSET, names);
}

PyObject* call(PyObject* callable, PyObject* const* given, std::size_t flagged, PyObject* names) {
  Memoized& self = memoized(callable);
  const auto count = static_cast<std::size_t>(PyVectorcall_NARGS(flagged));
  nb::object key;
  {
    SpareKey spare(self);
    if (!write_key(self, spare.text, given, count, names)) return refused(self, given, count, names);
    PyObject* object = nullptr;
    if (lookup_call(self, spare.text, object) == LookupResult::value) return ++self.hits, object;
    key = nb::steal(PyBytes_FromStringAndSize(spare.text.data(), static_cast<Py_ssize_t>(spare.text.size())));
  }
  const nb::object positional = as_tuple(given, count);
  const nb::object named = as_dict(given + count, names);
  if (!key.is_valid() || !positional.is_valid() || !named.is_valid()) return nullptr;
  return PyObject_CallFunctionObjArgs(self.miss, key.ptr(), positional.ptr(), named.ptr(), nullptr);
}

/// _lookup_call(*args, **kwargs): what memory has, otherwise MISS or NEGATIVE.
PyObject* lookup_only(PyObject* callable, PyObject* const* given, Py_ssize_t count, PyObject* names) {
  Memoized& self = memoized(callable);
  SpareKey spare(self);
  if (!write_key(self, spare.text, given, static_cast<std::size_t>(count), names)) return nullptr;
  PyObject* object = nullptr;
  switch (lookup_call(self, spare.text, object)) {
    case LookupResult::value:
      return ++self.hits, object;
    case LookupResult::negative:
      return Py_NewRef(sentinels().negative);
    default:
      return Py_NewRef(sentinels().miss);
  }
}

PyObject* key(PyObject* callable, PyObject* const* given, Py_ssize_t count, PyObject* names) {
  std::string text;
  if (!write_key(memoized(callable), text, given, static_cast<std::size_t>(count), names)) return nullptr;
  return PyBytes_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
}

/// _count(ran): of a call that memory did not answer: whether the function ran.
PyObject* count_call(PyObject* self, PyObject* ran) {
  ++(ran == Py_True ? memoized(self).misses : memoized(self).hits);
  Py_RETURN_NONE;
}

PyObject* counts(PyObject* self, PyObject*) {
  return Py_BuildValue("(KK)", static_cast<unsigned long long>(memoized(self).hits),
                       static_cast<unsigned long long>(memoized(self).misses));
}

PyObject* forget_counts(PyObject* self, PyObject*) {
  memoized(self).hits = memoized(self).misses = 0;
  Py_RETURN_NONE;
}

/// Pickled and copied like a function: by its name.
PyObject* reduce(PyObject* self, PyObject*) {
  return PyObject_GetAttrString(self, "__qualname__");
}

PyObject* repr(PyObject* self) {
  const nb::object module = nb::steal(PyObject_GetAttrString(self, "__module__"));
  const nb::object name = nb::steal(PyObject_GetAttrString(self, "__qualname__"));
  if (!module.is_valid() || !name.is_valid()) return nullptr;
  return PyUnicode_FromFormat("<memoized %S.%S of %R>", module.ptr(), name.ptr(), memoized(self).cache);
}

PyObject* bind_method(PyObject* self, PyObject* instance, PyObject*) {
  return instance == nullptr ? Py_NewRef(self) : memoized_method(self, instance);
}

KeyPlan::Owner owner_of(PyObject* type) noexcept {
  if (type == Py_None) return KeyPlan::Owner::looks;
  if (type == reinterpret_cast<PyObject*>(&PyUnicode_Type)) return KeyPlan::Owner::text;
  if (type == reinterpret_cast<PyObject*>(&PyLong_Type)) return KeyPlan::Owner::integer;
  return KeyPlan::Owner::other;
}

/// "team.name" as its parts.
std::vector<std::string> path_of(const std::string& dotted) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from < dotted.size();) {
    const std::size_t to = std::min(dotted.find('.', from), dotted.size());
    parts.push_back(dotted.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

std::vector<KeyPlan::Field> fields_of(PyObject* list, PyObject* owners) {
  std::vector<KeyPlan::Field> fields;
  for (const nb::handle field : nb::borrow<nb::list>(list)) {
    const nb::tuple parts = nb::cast<nb::tuple>(field);
    const auto at = static_cast<Py_ssize_t>(fields.size());
    if (at >= PyTuple_GET_SIZE(owners)) {
      PyErr_SetString(PyExc_ValueError, "owners: give one for each field");
      throw nb::python_error();
    }
    fields.push_back({nb::cast<std::string>(parts[0]), nb::cast<std::size_t>(parts[1]),
                      path_of(nb::cast<std::string>(parts[2])), owner_of(PyTuple_GET_ITEM(owners, at))});
  }
  return fields;
}

/// Memoized(cache, miss, bind, defaults, positional, name, fields or None, owners, tail, reserved, run or
/// None)
PyObject* make(PyTypeObject* type, PyObject* arguments, PyObject*) {
  PyObject *cache, *miss, *bind, *defaults, *fields, *owners, *run;
  int positional;
  const char *name, *tail, *reserved;
  Py_ssize_t reserved_size;
  if (PyArg_ParseTuple(arguments, "OOOO!psOO!sy#O", &cache, &miss, &bind, &PyTuple_Type, &defaults,
                       &positional, &name, &fields, &PyTuple_Type, &owners, &tail, &reserved, &reserved_size,
                       &run) == 0)
    return nullptr;
  PyObject* const made = type->tp_alloc(type, 0);
  if (made == nullptr) return nullptr;
  Memoized& self = memoized(made);
  self.vectorcall = run == Py_None ? &call : &call_coroutine;
  self.run = run == Py_None ? nullptr : Py_NewRef(run);
  self.owners = Py_NewRef(owners);
  self.cache = Py_NewRef(cache);
  self.miss = Py_NewRef(miss);
  self.bind = Py_NewRef(bind);
  self.defaults = Py_NewRef(defaults);
  self.positional = positional != 0;
  self.spare = new std::string;
  self.attributes = PyDict_New();
  try {
    std::optional<std::vector<KeyPlan::Field>> parsed;
    if (fields != Py_None) parsed = fields_of(fields, owners);
    self.plan =
        new KeyPlan(name, std::move(parsed), tail, {reserved, static_cast<std::size_t>(reserved_size)});
  } catch (nb::python_error& failed) {
    failed.restore();
    Py_DECREF(made);
    return nullptr;
  }
  return made;
}

int traverse(PyObject* object, visitproc visit, void* arg) {
  Memoized& self = memoized(object);
  Py_VISIT(Py_TYPE(object));
  Py_VISIT(self.attributes);
  Py_VISIT(self.cache);
  Py_VISIT(self.miss);
  Py_VISIT(self.bind);
  Py_VISIT(self.defaults);
  Py_VISIT(self.owners);
  Py_VISIT(self.run);
  return 0;
}

int clear(PyObject* object) {
  Memoized& self = memoized(object);
  Py_CLEAR(self.attributes);
  Py_CLEAR(self.cache);
  Py_CLEAR(self.miss);
  Py_CLEAR(self.bind);
  Py_CLEAR(self.defaults);
  Py_CLEAR(self.owners);
  Py_CLEAR(self.run);
  return 0;
}

void destroy(PyObject* object) {
  PyTypeObject* const type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  if (memoized(object).weak_references != nullptr) PyObject_ClearWeakRefs(object);
  clear(object);
  delete memoized(object).plan;
  delete memoized(object).spare;
  type->tp_free(object);
  Py_DECREF(type);
}

template <class Function>
PyCFunction method(Function* function) noexcept {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef methods[] = {
    {"_lookup_call", method(&lookup_only), METH_FASTCALL | METH_KEYWORDS,
     "What memory has for a call, otherwise MISS or NEGATIVE."},
    {"_key", method(&key), METH_FASTCALL | METH_KEYWORDS, "The key of a call."},
    {"_count", &count_call, METH_O, "Counts a call that memory did not answer: whether the function ran."},
    {"_counts", &counts, METH_NOARGS, "(hits, misses)"},
    {"_forget_counts", &forget_counts, METH_NOARGS, "Resets the counters to 0."},
    {"__reduce__", &reduce, METH_NOARGS, "The function's name."},
    {nullptr, nullptr, 0, nullptr}};

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Memoized, vectorcall), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(Memoized, attributes), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Memoized, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyGetSetDef attributes[] = {
    {"__dict__", &PyObject_GenericGetDict, &PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(&make)},
                       {Py_tp_dealloc, reinterpret_cast<void*>(&destroy)},
                       {Py_tp_traverse, reinterpret_cast<void*>(&traverse)},
                       {Py_tp_clear, reinterpret_cast<void*>(&clear)},
                       {Py_tp_call, reinterpret_cast<void*>(&PyVectorcall_Call)},
                       {Py_tp_descr_get, reinterpret_cast<void*>(&bind_method)},
                       {Py_tp_repr, reinterpret_cast<void*>(&repr)},
                       {Py_tp_methods, methods},
                       {Py_tp_members, members},
                       {Py_tp_getset, attributes},
                       {0, nullptr}};

PyType_Spec spec = {"terrace._core.Memoized", sizeof(Memoized), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
                        Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_IMMUTABLETYPE,
                    slots};

}  // namespace

void define_memoized(nb::module_& module) {
  PyObject* const type = PyType_FromSpec(&spec);
  if (type == nullptr) throw nb::python_error();
  module.attr("Memoized") = nb::steal(type);
  define_memoized_method(module);
}

}  // namespace terrace::python
