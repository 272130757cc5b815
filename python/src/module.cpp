/// terrace._core: the module. What of it is public, terrace/__init__.py says.

#include <nanobind/stl/shared_ptr.h>

#include <cstdlib>

#include "cache.hpp"
#include "errors.hpp"
#include "interpreter.hpp"
#include "sentinels.hpp"
#include "service.hpp"

namespace terrace::python {
namespace {

PyObject* make_sentinel(nb::module_& module, const char* name) {
  // A string that nobody else has: compared by identity, and readable in a traceback.
  nb::object owned = nb::steal(PyUnicode_FromFormat("<%s>", name));
  module.attr(name) = owned;
  return owned.release().ptr();
}

/// Each Job, (level, text), (receiver, text), or () to look around; None: the thread is to end.
nb::object take(Worker& worker, double idle) {
  auto item = worker.take(idle);
  if (!item) return nb::none();
  if (std::holds_alternative<LookAround>(*item)) return nb::make_tuple();
  if (auto* const job = std::get_if<JobPtr>(&*item)) return nb::cast(std::move(*job));
  if (auto* const line = std::get_if<LogLine>(&*item)) return nb::make_tuple(line->level, line->text);
  auto& notice = std::get<Notice>(*item);
  return nb::make_tuple(nb::borrow(notice.receiver.object()), notice.text);
}

}  // namespace

void define_service(nb::module_& module) {
  nb::class_<Worker>(module, "Worker", "A thread of the service, made by that thread.")
      .def(nb::init<>())
      .def("take", &take, nb::arg("idle"),
           "Waits for the next item: a Job, (level, text), (receiver, text) or (), to look around; None: the "
           "thread "
           "is to end. Whatever was taken before has been run.")
      .def_prop_ro("alone", &Worker::alone, "No other thread waits.");
  module.def(
      "service_wants_thread", [] { return Service::common().wants_thread(); },
      "True: start a thread, or call service_not_started.");
  module.def("service_not_started", [] { Service::common().not_started(); });
  module.def("service_stop", [] { Service::common().stop(); });
  module.def("service_rest", [](double most) {
    without_gil([&] { return Service::common().rest(std::chrono::duration<double>(most)), true; });
  });
  module.def("looked_after", [] {
    nb::list out;
    for (JobPtr& job : Service::common().looked_after()) out.append(nb::cast(std::move(job)));
    return out;
  });
  module.def("begin_exit", &begin_exit);
  module.def("set_main_thread", &set_main_thread);
  module.def("reset_after_fork", [] {
    reset_after_fork();
    reset_value_locks_after_fork();
    send_log_to_service();
    Service::reset_after_fork();
  });
}

}  // namespace terrace::python

NB_MODULE(_core, module) {
  using namespace terrace::python;
  // Garbage of the last moment is no leak; the tests collect it and look.
  nb::set_leak_warnings(std::getenv("TERRACE_LEAK_WARNINGS") != nullptr);
  module.attr("__version__") = TERRACE_VERSION;
  sentinels() = {make_sentinel(module, "MISS"), make_sentinel(module, "NEGATIVE"),
                 make_sentinel(module, "NO_VALUE"),
                 nb::object(nb::module_::import_("terrace._errors").attr("DecodeError")).release().ptr()};
  register_exceptions();
  define_cache(module);
  define_memoized(module);
  define_service(module);
  send_log_to_service();
}
