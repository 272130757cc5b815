#pragma once
/// Value: a Python object and what tiers store of it, in one box that any thread may hold, copy and let go
/// of.
///
/// A value that came from a tier is bytes until a Python thread first reads it, and an object from then on.
/// So the core's threads never need the GIL to bring values up, and memory keeps each value once.

#include <atomic>
#include <memory>
#include <string>
#include <terrace/document.hpp>
#include <terrace/result.hpp>
#include <utility>

#include "python.hpp"

namespace terrace::python {

class Value {
 public:
  Value() noexcept = default;
  Value(const Value& other) noexcept : box_(other.box_) {
    if (box_ != nullptr) box_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Value(Value&& other) noexcept : box_(std::exchange(other.box_, nullptr)) {}
  Value& operator=(Value other) noexcept {
    std::swap(box_, other.box_);
    return *this;
  }
  ~Value() {
    if (box_ != nullptr && box_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) dispose(box_);
  }

  /// Of an object, of which it takes a reference. Needs the GIL. `weight`: what it counts for in memory, in
  /// bytes; `stored`: what tiers are to keep of it, if there are any.
  static Value of(PyObject* object, std::size_t weight = 0, std::shared_ptr<const Document> stored = {});
  /// Of bytes from a tier.
  static Value from_tier(Document stored);

  explicit operator bool() const noexcept { return box_ != nullptr; }

  /// Borrowed; null while it is bytes. Needs the GIL.
  [[nodiscard]] PyObject* object() const noexcept { return box_->object.load(std::memory_order_acquire); }

  /// A new reference; decoded by `codec.decode(payload, schema)` if it is bytes. Null with a Python error
  /// when that fails. Needs the GIL.
  [[nodiscard]] PyObject* resolve(PyObject* codec) const;

  /// What tiers store: what is there, or else encoded now by `codec.encode(object)`, which takes the GIL.
  [[nodiscard]] Result<Document> document(PyObject* codec) const;

  [[nodiscard]] std::size_t weight() const noexcept { return box_->weight; }

 private:
  struct Box {
    std::atomic<std::uint32_t> references{1};
    std::atomic<PyObject*> object{nullptr};       // set once
    std::shared_ptr<const Document> stored = {};  // under the box's lock
    std::size_t weight = 0;
    Box* next = nullptr;  // in the graveyard
  };
  friend void bury_the_dead() noexcept;

  explicit Value(Box* box) noexcept : box_(box) {}
  [[nodiscard]] std::shared_ptr<const Document> stored() const;
  /// Needs no GIL: without it the object is let go of later.
  static void dispose(Box* box) noexcept;
  static void destroy(Box* box) noexcept;

  Box* box_ = nullptr;
};

/// Lets go of objects whose last holder did not have the GIL. Needs it. Happens by itself soon after.
void bury_the_dead() noexcept;

/// In the child of a fork: locks that a thread of the parent's may have held are free again.
void reset_value_locks_after_fork() noexcept;

/// A Python object that is no value of a cache: a loader, a callback, a codec, an exception. Threads without the
/// GIL hold and drop it, as they do values, so it lies in the same box; what tiers store of values is not used.
using Reference = Value;

}  // namespace terrace::python
