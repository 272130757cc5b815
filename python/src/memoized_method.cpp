/// The __func__ of a bound method of a memoized function. It is the function in all respects but two: its
/// .invalidate and .key belong to the instance. (A bound method has no attributes of its own: it asks its
/// __func__.)

#include "memoized.hpp"

namespace terrace::python {
namespace {

struct View {
  PyObject base;
  vectorcallfunc vectorcall;
  PyObject* function;
  PyObject* instance;
};

PyTypeObject* view_type = nullptr;  // made with the module, and never let go of

View& view(PyObject* self) noexcept {
  return *reinterpret_cast<View*>(self);
}

PyObject* call(PyObject* self, PyObject* const* given, std::size_t flagged, PyObject* names) {
  return PyObject_Vectorcall(view(self).function, given, flagged, names);
}

PyObject* attribute(PyObject* self, PyObject* name) {
  PyObject* const found = PyObject_GetAttr(view(self).function, name);
  if (found == nullptr || (PyUnicode_CompareWithASCIIString(name, "invalidate") != 0 &&
                           PyUnicode_CompareWithASCIIString(name, "key") != 0))
    return found;
  PyObject* const bound = PyMethod_New(found, view(self).instance);
  Py_DECREF(found);
  return bound;
}

PyObject* compare(PyObject* self, PyObject* other, int operation) {
  if (Py_TYPE(other) != view_type || (operation != Py_EQ && operation != Py_NE)) Py_RETURN_NOTIMPLEMENTED;
  return PyBool_FromLong((view(self).function == view(other).function) == (operation == Py_EQ));
}

Py_hash_t hash(PyObject* self) {
  return PyObject_Hash(view(self).function);
}

PyObject* repr(PyObject* self) {
  return PyObject_Repr(view(self).function);
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(view(self).function);
  Py_VISIT(view(self).instance);
  return 0;
}

int clear(PyObject* self) {
  Py_CLEAR(view(self).function);
  Py_CLEAR(view(self).instance);
  return 0;
}

void destroy(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  clear(self);
  type->tp_free(self);
  Py_DECREF(type);
}

PyMemberDef members[] = {{"__vectorcalloffset__", T_PYSSIZET, offsetof(View, vectorcall), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};

PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(&destroy)},
                       {Py_tp_traverse, reinterpret_cast<void*>(&traverse)},
                       {Py_tp_clear, reinterpret_cast<void*>(&clear)},
                       {Py_tp_call, reinterpret_cast<void*>(&PyVectorcall_Call)},
                       {Py_tp_getattro, reinterpret_cast<void*>(&attribute)},
                       {Py_tp_richcompare, reinterpret_cast<void*>(&compare)},
                       {Py_tp_hash, reinterpret_cast<void*>(&hash)},
                       {Py_tp_repr, reinterpret_cast<void*>(&repr)},
                       {Py_tp_members, members},
                       {0, nullptr}};

PyType_Spec spec = {"terrace._core._MemoizedMethod", sizeof(View), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
                        Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                    slots};

}  // namespace

PyObject* memoized_method(PyObject* function, PyObject* instance) {
  PyObject* const made = view_type->tp_alloc(view_type, 0);
  if (made == nullptr) return nullptr;
  view(made).vectorcall = &call;
  view(made).function = Py_NewRef(function);
  view(made).instance = Py_NewRef(instance);
  PyObject* const method = PyMethod_New(made, instance);
  Py_DECREF(made);
  return method;
}

void define_memoized_method(nb::module_&) {
  view_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (view_type == nullptr) throw nb::python_error();
}

}  // namespace terrace::python
