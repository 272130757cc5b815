#include "value.hpp"

#include <array>
#include <mutex>
#include <vector>

#include "errors.hpp"
#include "interpreter.hpp"

namespace terrace::python {
namespace {

std::array<std::mutex, 64> locks;

/// Boxes share few locks: they are held for the copy of a pointer.
std::mutex& lock_of(const void* box) noexcept {
  return locks[(reinterpret_cast<std::uintptr_t>(box) >> 6) % locks.size()];
}

int bury_as_pending_call(void*) {
  bury_the_dead();
  return 0;
}

Result<Document> encode(PyObject* object, PyObject* codec) {
  const nb::object encoded = nb::steal(PyObject_CallMethod(codec, "encode", "(O)", object));
  if (!encoded.is_valid()) return take_python_error(Errc::unencodable);
  const char* bytes = nullptr;
  Py_ssize_t size = 0;
  unsigned long long schema = 0;
  if (PyArg_ParseTuple(encoded.ptr(), "y#K", &bytes, &size, &schema) == 0)
    return take_python_error(Errc::unencodable);
  const auto id = nb::cast<std::uint8_t>(nb::handle(codec).attr("id"));
  return Document{Bytes(std::string_view(bytes, static_cast<std::size_t>(size))), {id, schema}};
}

}  // namespace

static std::atomic<void*> graveyard{nullptr};

Value Value::of(PyObject* object, std::size_t weight, std::shared_ptr<const Document> stored) {
  auto* const box = new Box;
  Py_INCREF(object);
  box->object.store(object, std::memory_order_relaxed);
  box->stored = std::move(stored);
  box->weight = weight;
  return Value(box);
}

Value Value::from_tier(Document stored) {
  auto* const box = new Box;
  box->weight = stored.payload.size();
  box->stored = std::make_shared<const Document>(std::move(stored));
  return Value(box);
}

std::shared_ptr<const Document> Value::stored() const {
  std::lock_guard lock(lock_of(box_));
  return box_->stored;
}

PyObject* Value::resolve(PyObject* codec) const {
  if (PyObject* const there = object()) return Py_NewRef(there);
  const auto document = stored();
  // Somebody else has decoded it since, and the bytes are gone.
  if (document == nullptr) return Py_NewRef(object());
  const std::string_view payload(document->payload);
  PyObject* decoded =
      PyObject_CallMethod(codec, "decode", "y#K", payload.data(), static_cast<Py_ssize_t>(payload.size()),
                          static_cast<unsigned long long>(document->kind.schema));
  if (decoded == nullptr) return nullptr;
  PyObject* expected = nullptr;
  if (box_->object.compare_exchange_strong(expected, decoded)) {
    Py_INCREF(decoded);  // the box's own
  } else {
    Py_DECREF(decoded);  // every reader gets the same object
    decoded = Py_NewRef(expected);
  }
  std::lock_guard lock(lock_of(box_));
  box_->stored.reset();
  return decoded;
}

Result<Document> Value::document(PyObject* codec) const {
  if (const auto there = stored()) return *there;
  if (exiting()) return Error(Errc::shutdown, "the interpreter is ending");
  nb::gil_scoped_acquire gil;
  return encode(object(), codec);
}

void Value::destroy(Box* box) noexcept {
  Py_XDECREF(box->object.load());
  delete box;
}

void Value::dispose(Box* box) noexcept {
  if (box->object.load() == nullptr) {
    delete box;
    return;
  }
  if (exiting()) {
    // An interpreter that is gone has freed what it cares for, and one that ends takes nothing from other
    // threads.
    if (Py_IsInitialized() != 0 && PyGILState_Check() != 0) destroy(box);
    return;
  }
  if (PyGILState_Check() != 0) return destroy(box);
  void* head = graveyard.load(std::memory_order_relaxed);
  do {
    box->next = static_cast<Box*>(head);
  } while (!graveyard.compare_exchange_weak(head, box, std::memory_order_release, std::memory_order_relaxed));
  // The list of pending calls may be full; then the next call of the cache sees to it.
  if (head == nullptr) Py_AddPendingCall(&bury_as_pending_call, nullptr);
}

void reset_value_locks_after_fork() noexcept {
  new (&locks) std::array<std::mutex, 64>;
}

void bury_the_dead() noexcept {
  auto* box = static_cast<Value::Box*>(graveyard.exchange(nullptr, std::memory_order_acquire));
  while (box != nullptr) {
    auto* const next = box->next;
    Value::destroy(box);
    box = next;
  }
}

}  // namespace terrace::python
