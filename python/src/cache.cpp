#include "cache.hpp"

#include <terrace/tier_url.hpp>

#include "errors.hpp"
#include "interpreter.hpp"
#include "key.hpp"
#include "options.hpp"

namespace terrace::python {
namespace {

[[noreturn]] void throw_closed() {
  raise(Error(Errc::shutdown, "the cache is closed"));
  throw nb::python_error();
}

bool is_immutable(PyObject* object) noexcept {
  return PyUnicode_CheckExact(object) || PyLong_CheckExact(object) || PyBytes_CheckExact(object) ||
         PyFloat_CheckExact(object) || object == Py_None || PyBool_Check(object);
}

std::size_t size_of(PyObject* object) {
  const nb::object size = nb::module_::import_("terrace._weight").attr("size_of")(nb::handle(object));
  return nb::cast<std::size_t>(size);
}

}  // namespace

std::shared_ptr<Tier> PyTier::make(const std::shared_ptr<Runtime>& runtime) const {
  return make_tier(url, runtime, {.key_prefix = key_prefix, .directory = directory});
}

void CacheBase::open(CacheOptions options, const std::vector<std::shared_ptr<PyTier>>& tiers,
                     nb::object codec, std::optional<std::uint64_t> schema, nb::object copier,
                     PyClock* clock) {
  options.check();
  runtime_ = Runtime::common();
  if (clock != nullptr)
    options.scheduler = clock->scheduler();
  else
    options.scheduler = runtime_;
  std::vector<std::shared_ptr<Tier>> made;
  for (const auto& tier : tiers) {
    if (tier->tier == nullptr) tier->tier = tier->make(runtime_);
    made.push_back(tier->tier);
  }
  std::optional<StoredKind> kind;
  if (schema) kind = StoredKind{nb::cast<std::uint8_t>(codec.attr("id")), *schema};
  auto memory = std::make_shared<Memory>(options, Reference::of(codec.ptr()), kind);
  has_tiers_ = !made.empty() || options.write_mode == WriteMode::back;
  weighs_ = options.max_bytes != 0;
  engine_ = without_gil([&] { return cascade::Engine::make(options, memory, std::move(made)); });
  memory_ = std::move(memory);
  Py_CLEAR(copier_);
  if (!copier.is_none()) copier_ = copier.release().ptr();
}

void CacheBase::close() {
  if (memory_ == nullptr) return;
  auto memory = std::exchange(memory_, nullptr);
  auto engine = engine_;
  without_gil([&] {
    engine->close();
    memory->forget_all();
    return true;
  });
  Py_CLEAR(copier_);
  bury_the_dead();
}

void CacheBase::release() {
  let_go(engine_);
  let_go(runtime_);
}

void CacheBase::abandon() {
  new std::shared_ptr<void>(std::exchange(memory_, nullptr));
  new std::shared_ptr<void>(std::exchange(engine_, nullptr));
  new std::shared_ptr<void>(std::exchange(runtime_, nullptr));
}

std::shared_ptr<cascade::Engine> CacheBase::engine() const {
  if (memory_ == nullptr) throw_closed();
  return engine_;
}

std::shared_ptr<Memory> CacheBase::memory() const {
  if (memory_ == nullptr) throw_closed();
  return memory_;
}

CacheStats CacheBase::stats() const {
  if (engine_ == nullptr) throw_closed();
  return engine_->stats();
}

LookupResult CacheBase::lookup_in_memory(std::string_view key, PyObject*& object, bool* refresh) {
  LookupResult result = LookupResult::miss;
  PyObject* found = nullptr;
  Value undecoded;
  Memory& memory = *memory_;
  memory.visit(key, [&](const cascade::Slot<Value>& slot, cascade::Use) {
    if (!slot.value) [[unlikely]] {
      result = LookupResult::negative;
      return;
    }
    result = LookupResult::value;
    found = slot.value->object();
    if (found != nullptr) [[likely]] {
      Py_INCREF(found);
    } else {
      undecoded = *slot.value;
    }
    if (refresh != nullptr) *refresh = memory.refresh_due(slot);
  });
  if (undecoded) [[unlikely]] {
    const auto held = memory_;  // decoding runs Python, which may close the cache
    found = undecoded.resolve(memory.codec());
    if (found == nullptr) return LookupResult::failed;
  }
  if (result == LookupResult::value && copier_ != nullptr) {
    PyObject* const copy = handed_out(found);
    Py_DECREF(found);
    if (copy == nullptr) return LookupResult::failed;
    found = copy;
  }
  object = found;
  return result;
}

PyObject* CacheBase::handed_out(PyObject* object) const {
  if (copier_ == nullptr || is_immutable(object)) return Py_NewRef(object);
  const nb::object copier = nb::borrow(copier_);
  return PyObject_CallOneArg(copier.ptr(), object);
}

std::optional<Value> value_of(const CacheBase& cache, PyObject* object) {
  if (!cache.has_tiers()) return Value::of(object, cache.weighs() ? size_of(object) : 0);
  const Value bare = Value::of(object);
  auto document = bare.document(cache.memory()->codec());
  if (!document) {
    raise(document.error());
    return std::nullopt;
  }
  const std::size_t weight = document->payload.size();
  return Value::of(object, weight, std::make_shared<const Document>(std::move(*document)));
}

}  // namespace terrace::python
