#pragma once
/// Memory: the memory level of a Python cache, and the stored form of its values.

#include <terrace/detail/cascade/typed_memory.hpp>

#include "value.hpp"

namespace terrace::cascade {

/// Values are kept with their bytes, or make them when asked: Memory below says how.
template <>
struct StoredForm<python::Value> {
  static constexpr std::optional<StoredKind> kind() noexcept { return std::nullopt; }
  static Result<Document> encode(const python::Value&) { return Error(Errc::unencodable); }
  static Result<python::Value> decode(BytesView payload, StoredKind kind) {
    return python::Value::from_tier({Bytes(payload), kind});
  }
};

}  // namespace terrace::cascade

template <>
struct terrace::memory::HeapBytes<terrace::python::Value> {
  static constexpr bool known = false;
  static std::size_t of(const python::Value& value) noexcept { return value.weight(); }
};

namespace terrace::python {

class Memory final : public cascade::TypedMemory<Value> {
 public:
  /// `codec`: an object of terrace._codec. `kind`: of a typed cache, or of pickle; none: any MessagePack.
  Memory(const CacheOptions& options, Reference codec, std::optional<StoredKind> kind)
      : cascade::TypedMemory<Value>(options),
        scheduler_(options.scheduler),
        codec_(std::move(codec)),
        kind_(kind) {}

  [[nodiscard]] std::optional<StoredKind> kind() const noexcept override { return kind_; }

  Result<Document> encode(const void* value) const override {
    return static_cast<const Value*>(value)->document(codec());
  }

  Result<cascade::ValuePtr> decode(BytesView payload, StoredKind kind) const override {
    // A format that can run code is read only by who asked for it, and then the kind is fixed.
    if (!kind_ && kind.codec != messagepack_codec) {
      return Error(Errc::incompatible, "stored by codec " + std::to_string(kind.codec));
    }
    return cascade::ValuePtr(std::make_shared<const Value>(Value::from_tier({Bytes(payload), kind})));
  }

  [[nodiscard]] PyObject* codec() const noexcept { return codec_.object(); }
  [[nodiscard]] const std::shared_ptr<Scheduler>& scheduler() const noexcept { return scheduler_; }

 private:
  const std::shared_ptr<Scheduler> scheduler_;
  const Reference codec_;
  const std::optional<StoredKind> kind_;
};

}  // namespace terrace::python
