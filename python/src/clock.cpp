/// What terrace.testing is made of: Clock and MemoryTier.

#include <nanobind/stl/shared_ptr.h>
#include <unistd.h>

#include "cache.hpp"
#include "interpreter.hpp"
#include "options.hpp"

namespace terrace::python {
namespace {

/// A tier in this process's memory, which stands for a server that several caches share.
struct PyMemoryTier final : PyTier {
  explicit PyMemoryTier(const PyClock* its_clock) : PyTier("memory:", "") {
    if (its_clock != nullptr) clock = its_clock->clock();
    renew();
  }

  void renew() {
    map = std::shared_ptr<testing::SharedMapTier>(
        clock ? new testing::SharedMapTier(*clock) : new testing::SharedMapTier(),
        [kept = clock](testing::SharedMapTier* made) { delete made; });
    tier = map;
  }

  /// In the child of a fork, or after close(): an empty one.
  [[nodiscard]] std::shared_ptr<Tier> make(const std::shared_ptr<Runtime>&) const override {
    auto* const self = const_cast<PyMemoryTier*>(this);
    self->renew();
    return map;
  }

  void set_away(bool is_away) {
    away = is_away;
    without_gil([&] {
      map->set_away(is_away);
      if (is_away)
        map->break_watch();
      else
        map->restore_watch();
      return true;
    });
  }

  std::shared_ptr<testing::MovableClock> clock;
  std::shared_ptr<testing::SharedMapTier> map;
  bool away = false;
};

}  // namespace

void PyClock::advance(Duration by) {
  const auto ours = scheduler_;
  if (ours == nullptr || process_ != ::getpid()) return clock_->move(by);
  without_gil([&] { return ours->advance(by), true; });
}

std::shared_ptr<Scheduler> PyClock::scheduler() {
  if (scheduler_ != nullptr && process_ != ::getpid())
    new std::shared_ptr<testing::MovableScheduler>(std::exchange(scheduler_, nullptr));
  if (scheduler_ == nullptr) {
    process_ = ::getpid();
    scheduler_ = std::make_shared<testing::MovableScheduler>(Runtime::common(), clock_);
  }
  return scheduler_;
}

void define_clock(nb::module_& module) {
  nb::class_<PyClock>(module, "Clock", "A clock that tests move.")
      .def(nb::init<>())
      .def(
          "_advance", [](PyClock& self, double by) { self.advance(duration(by)); }, nb::arg("seconds"))
      .def_prop_ro("_moved", [](const PyClock& self) { return seconds(self.clock()->moved()); });
  nb::class_<PyMemoryTier, PyTier>(module, "MemoryTier", "A tier in the memory of the process.")
      .def(nb::init<const PyClock*>(), nb::arg("clock").none())
      .def("_set_away", &PyMemoryTier::set_away, nb::arg("away"))
      .def_ro("_is_away", &PyMemoryTier::away)
      .def("_flush_all",
           [](PyMemoryTier& self) { without_gil([&] { return self.map->flush_all(), true; }); });
}

}  // namespace terrace::python
