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

nb::object service_item() {
  auto item = Service::common().next();
  if (!item) return nb::none();
  if (auto* const job = std::get_if<JobPtr>(&*item)) return nb::cast(std::move(*job));
  if (auto* const line = std::get_if<LogLine>(&*item)) return nb::make_tuple(line->level, line->text);
  auto& notice = std::get<Notice>(*item);
  return nb::make_tuple(nb::borrow(notice.receiver.object()), notice.text);
}

}  // namespace

void define_service(nb::module_& module) {
  module.def("service_item", &service_item,
             "Blocks; a Job, (level, text), (receiver, text), or None: stopped.");
  module.def("service_stop", [] { Service::common().stop(); });
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
