#pragma once
/// CacheBase: what terrace.Cache of Python is made of: a memory level that is asked without any detour, and
/// the engine for everything else. The Python class adds argument checks, loaders and answers in Python's
/// words.

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <terrace/cache_handle.hpp>
#include <terrace/runtime.hpp>
#include <terrace/testing.hpp>

#include "call.hpp"
#include "interpreter.hpp"
#include "memory.hpp"

namespace terrace::python {

/// A tier of Python's: shared by every cache it is given to.
struct PyTier {
  std::string url;
  std::string key_prefix;
  std::filesystem::path directory;  ///< where it was made: the tier itself may be made elsewhere
  std::shared_ptr<Tier> tier;

  PyTier(std::string its_url, std::string prefix) : url(std::move(its_url)), key_prefix(std::move(prefix)) {
    std::error_code gone;
    directory = std::filesystem::current_path(gone);
  }
  PyTier(const PyTier&) = delete;
  PyTier& operator=(const PyTier&) = delete;
  /// The end of a tier waits for the I/O thread, which may want the GIL.
  virtual ~PyTier() { let_go(tier); }

  [[nodiscard]] virtual std::shared_ptr<Tier> make(const std::shared_ptr<Runtime>& runtime) const;
};

/// A clock that tests move, of one or more caches.
class PyClock {
 public:
  /// Moves it forward.
  void advance(Duration by);
  /// What caches run on; a child of a fork has one of its own.
  [[nodiscard]] std::shared_ptr<Scheduler> scheduler();
  [[nodiscard]] const std::shared_ptr<testing::MovableClock>& clock() const noexcept { return clock_; }

 private:
  const std::shared_ptr<testing::MovableClock> clock_ = std::make_shared<testing::MovableClock>();
  std::shared_ptr<testing::MovableScheduler> scheduler_;
  pid_t process_ = 0;  ///< which made it
};

/// What a lookup found. sentinels.hpp defines each kind of "no value".
enum class LookupResult : std::uint8_t {
  value,
  negative,
  miss,
  failed,  ///< with a Python error
};

/// Python objects own it; threads without the GIL hold its parts. Its members are read and written under the
/// GIL.
class CacheBase {
 public:
  CacheBase() = default;
  CacheBase(const CacheBase&) = delete;
  CacheBase& operator=(const CacheBase&) = delete;
  ~CacheBase() {
    close();
    release();
  }

  /// `codec`: terrace._codec; `schema`: of a typed cache; `copier`: called on what readers get, or None;
  /// `clock`: of a test, or null.
  void open(CacheOptions options, const std::vector<std::shared_ptr<PyTier>>& tiers, nb::object codec,
            std::optional<std::uint64_t> schema, nb::object copier, PyClock* clock);
  void close();
  /// After close(): lets go of the engine and its threads. Nothing may be asked of it any more.
  void release();
  /// In the child of a fork: everything stays as it is and is never used again.
  void abandon();
  [[nodiscard]] bool is_open() const noexcept { return memory_ != nullptr; }

  /// Asks memory alone, and counts as an access. A new reference in `object` for LookupResult::value. The
  /// cache must be open. `refresh`: set when the value is due to be refreshed ahead of its end.
  LookupResult lookup_in_memory(std::string_view key, PyObject*& object, bool* refresh = nullptr);

  /// Another thread may close the cache whenever the GIL changes hands: who goes on after that holds these.
  /// They throw Closed when it has.
  [[nodiscard]] std::shared_ptr<cascade::Engine> engine() const;
  [[nodiscard]] std::shared_ptr<Memory> memory() const;
  /// Also after close(), until release().
  [[nodiscard]] CacheStats stats() const;
  [[nodiscard]] bool has_tiers() const noexcept { return has_tiers_; }
  [[nodiscard]] bool weighs() const noexcept { return weighs_; }
  [[nodiscard]] CacheHandle handle() const { return {engine(), memory()}; }
  void count_unreadable() noexcept { ++unreadable_; }
  [[nodiscard]] std::uint64_t unreadable() const noexcept { return unreadable_; }

  /// The object as it changes hands between the cache and who reads, writes or loads: itself, or a copy. A
  /// new reference; null with a Python error.
  [[nodiscard]] PyObject* handed_out(PyObject* object) const;

 private:
  std::shared_ptr<Memory> memory_;
  std::shared_ptr<cascade::Engine> engine_;
  std::shared_ptr<Runtime> runtime_;
  PyObject* copier_ = nullptr;
  bool has_tiers_ = false;
  bool weighs_ = false;
  std::uint64_t unreadable_ = 0;
};

/// The cache behind a Python object of its type. Not checked.
[[nodiscard]] CacheBase& cache_of(PyObject* self) noexcept;

/// The methods of read_path.cpp, in the form that the interpreter calls fastest.
[[nodiscard]] const PyType_Slot* read_path_slots();

void define_cache(nb::module_& module);
void define_clock(nb::module_& module);
void define_upkeep(nb::module_& module, nb::class_<CacheBase>& base);
void define_memoized(nb::module_& module);
void define_calls(nb::module_& module, nb::class_<CacheBase>& base);
void define_service(nb::module_& module);

/// A value for the engine: the object, and, where tiers will want it, what they store. Null with a Python
/// error.
[[nodiscard]] std::optional<Value> value_of(const CacheBase& cache, PyObject* object);

}  // namespace terrace::python
