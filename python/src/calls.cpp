/// The operations of a cache as Python starts them, and what they bring: Call, Job, Port.

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/unique_ptr.h>

#include <terrace/detail/load_mark.hpp>

#include "answers.hpp"
#include "cache.hpp"
#include "errors.hpp"
#include "interpreter.hpp"
#include "key.hpp"
#include "loader.hpp"
#include "options.hpp"
#include "sentinels.hpp"

namespace terrace::python {
namespace {

/// A call in Python's hands: when Python lets go of it, nobody waits any more.
struct PyCall {
  explicit PyCall(const CacheBase& cache)
      : engine(cache.engine()), memory(cache.memory()), call(std::make_shared<Call>(memory->scheduler())) {}
  PyCall(const PyCall&) = delete;
  PyCall& operator=(const PyCall&) = delete;
  ~PyCall() {
    call->abandon();
    let_go(engine);
  }

  std::shared_ptr<cascade::Engine> engine;
  const std::shared_ptr<Memory> memory;
  const std::shared_ptr<Call> call;
};
using PyCallPtr = std::unique_ptr<PyCall>;

/// The load in which a read is nested.
struct Mark {
  RunningLoadPtr load;
};

std::vector<std::string> texts(const nb::list& keys) {
  std::vector<std::string> out;
  for (const nb::handle key : keys) {
    char* bytes = nullptr;
    Py_ssize_t size = 0;
    if (PyBytes_AsStringAndSize(key.ptr(), &bytes, &size) != 0) throw nb::python_error();
    out.emplace_back(bytes, static_cast<std::size_t>(size));
  }
  return out;
}

template <class Start>
PyCallPtr start(const CacheBase& cache, Start begin) {
  auto made = std::make_unique<PyCall>(cache);
  const auto engine = made->engine;
  without_gil([&] {
    begin(*engine, [call = made->call](auto outcome) { call->end(Outcome(std::move(outcome))); });
    return true;
  });
  return made;
}

ReadOptions read_options(std::optional<double> timeout, std::vector<std::string> tags) {
  return {.timeout = duration(timeout), .tags = std::move(tags)};
}
WriteOptions write_options(std::optional<double> ttl, std::optional<double> timeout,
                           std::vector<std::string> tags) {
  return {.ttl = duration(ttl), .timeout = duration(timeout), .tags = std::move(tags)};
}

/// What memory answers of a read of several keys, and what is left for the tiers.
struct MemoryFirst {
  MemoryFirst(Memory& memory, std::vector<std::string> keys) : answers(keys.size()) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (auto found = memory.look(keys[i])) {
        answers[i] = std::move(*found);
      } else {
        missing.push_back(std::move(keys[i]));
        places.push_back(i);
      }
    }
  }
  std::vector<cascade::Answer> with(std::vector<cascade::Answer> below) {
    for (std::size_t i = 0; i < places.size(); ++i) answers[places[i]] = std::move(below[i]);
    return std::move(answers);
  }

  std::vector<cascade::Answer> answers;
  std::vector<std::string> missing = {};
  std::vector<std::size_t> places = {};
};

std::shared_ptr<PythonLoader> loader_of(const nb::object& loading, std::shared_ptr<Call> call) {
  return std::make_shared<PythonLoader>(Reference::of(loading.ptr()), std::move(call),
                                        nb::cast<bool>(loading.attr("is_async")));
}

/// `looked`: the caller has asked memory already, which counts as an access.
PyCallPtr start_read(const CacheBase& cache, const nb::list& keys, nb::object loader, bool in_background,
                     std::optional<double> timeout, std::vector<std::string> tags, bool looked) {
  auto made = std::make_unique<PyCall>(cache);
  std::shared_ptr<cascade::Loader> source;
  RunningLoadPtr inside;
  if (!loader.is_none()) {
    const nb::object mark = loader.attr("inside");
    if (!mark.is_none()) inside = nb::cast<const Mark&>(mark).load;
    source = loader_of(loader, in_background ? nullptr : made->call);
  }
  const auto engine = made->engine;
  without_gil([&, wanted = texts(keys)]() mutable {
    const LoadMark mark(std::move(inside));
    ReadOptions options = read_options(timeout, std::move(tags));
    if (source != nullptr) options.stop = made->call->caller();
    if (looked) {
      engine->read(
          std::move(wanted), std::move(source), options,
          [call = made->call](std::vector<cascade::Answer> answers) { call->end(std::move(answers)); });
      return true;
    }
    MemoryFirst found(*made->memory, std::move(wanted));
    if (found.missing.empty()) return made->call->end(std::move(found.answers)), true;
    auto missing = std::move(found.missing);
    engine->read(std::move(missing), std::move(source), options,
                 [call = made->call, found = std::move(found)](std::vector<cascade::Answer> below) mutable {
                   call->end(found.with(std::move(below)));
                 });
    return true;
  });
  return made;
}

void refresh(const CacheBase& cache, const nb::bytes& key, nb::object loader, std::vector<std::string> tags) {
  auto source = loader_of(loader, nullptr);
  const auto engine = cache.engine();
  without_gil([&, text = std::string(key.c_str(), key.size())]() mutable {
    engine->refresh(std::move(text), std::move(source), read_options({}, std::move(tags)));
    return true;
  });
}

PyCallPtr start_write(const CacheBase& cache, const nb::list& keys, const nb::list& values,
                      std::optional<double> ttl, std::optional<double> timeout,
                      std::vector<std::string> tags) {
  std::vector<cascade::Write> writes;
  auto names = texts(keys);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const nb::object kept = nb::steal(cache.handed_out(nb::handle(values[i]).ptr()));
    const auto value = kept.is_valid() ? value_of(cache, kept.ptr()) : std::nullopt;
    if (!value) throw nb::python_error();
    writes.push_back({std::move(names[i]), std::make_shared<const Value>(*value)});
  }
  return start(cache, [&](cascade::Engine& engine, auto done) {
    engine.write(std::move(writes), write_options(ttl, timeout, std::move(tags)), std::move(done));
  });
}

PyCallPtr start_erase(const CacheBase& cache, const nb::list& keys, std::optional<double> timeout) {
  return start(cache, [&, names = texts(keys)](cascade::Engine& engine, auto done) mutable {
    engine.erase(std::move(names), write_options({}, timeout, {}), std::move(done));
  });
}

PyCallPtr start_current(const CacheBase& cache, const nb::bytes& key, std::optional<double> timeout,
                        bool may_guess) {
  return start(cache,
               [&, text = std::string(key.c_str(), key.size())](cascade::Engine& engine, auto done) mutable {
                 engine.current(std::move(text), duration(timeout), may_guess, std::move(done));
               });
}

/// `value`: MISS removes the key. `keeps_life`: a value without `ttl` ends when the one that it replaces would have.
PyCallPtr start_compare_and_set(const CacheBase& cache, const nb::bytes& key,
                                const cascade::Revision& revision, nb::object value,
                                std::optional<double> ttl, bool keeps_life, std::optional<double> timeout,
                                std::vector<std::string> tags) {
  cascade::AtomicChange change{.key = std::string(key.c_str(), key.size()), .revision = revision};
  change.tags = std::move(tags);
  if (ttl) {
    change.life = cascade::AtomicLife::given;
    change.ttl = duration(*ttl);
  } else if (keeps_life) {
    change.life = cascade::AtomicLife::kept;
  }
  if (!value.is(sentinels().miss)) {
    const nb::object kept = nb::steal(cache.handed_out(value.ptr()));
    const auto stored = kept.is_valid() ? value_of(cache, kept.ptr()) : std::nullopt;
    if (!stored) throw nb::python_error();
    change.value = std::make_shared<const Value>(*stored);
  }
  return start(cache, [&](cascade::Engine& engine, auto done) {
    engine.compare_and_set(std::move(change), duration(timeout), std::move(done));
  });
}

PyCallPtr start_invalidate(const CacheBase& cache, const std::string& kind, const nb::list& keys,
                           std::string text, bool soft, std::optional<double> timeout) {
  using Kind = Invalidation::Kind;
  const Kind what = kind == "keys"     ? Kind::keys
                    : kind == "group"  ? Kind::group
                    : kind == "prefix" ? Kind::prefix
                    : kind == "glob"   ? Kind::glob
                                       : Kind::tag;
  Invalidation selection{what, texts(keys), std::move(text)};
  return start(cache, [&](cascade::Engine& engine, auto done) {
    engine.invalidate(std::move(selection), {.soft = soft, .timeout = duration(timeout)}, std::move(done));
  });
}

/// `tasks`: (key, loader or None, ttl, tags). `progress`: called with "ended total" on a thread of the
/// service, or None.
PyCallPtr start_warm(const CacheBase& cache, const nb::list& tasks, std::size_t concurrency,
                     unsigned attempts, double task_timeout, nb::object progress, nb::object inside) {
  std::vector<upkeep::WarmTask> all;
  for (const nb::handle task : tasks) {
    const nb::tuple parts = nb::cast<nb::tuple>(task);
    const auto key = nb::cast<nb::bytes>(parts[0]);
    std::shared_ptr<cascade::Loader> loader;
    if (!parts[1].is_none()) {
      loader = loader_of(nb::object(parts[1]), nullptr);
    }
    auto options = std::make_shared<const WarmOptions>(
        WarmOptions{.ttl = duration(nb::cast<std::optional<double>>(parts[2])),
                    .tags = nb::cast<std::vector<std::string>>(parts[3])});
    upkeep::check(*options);
    all.push_back({std::string(key.c_str(), key.size()), std::move(loader), std::move(options)});
  }
  WarmerOptions options{
      .concurrency = concurrency, .attempts = attempts, .task_timeout = duration(task_timeout)};
  if (!progress.is_none()) {
    options.progress = [receiver = Reference::of(progress.ptr())](const WarmProgress& now) {
      Service::common().push(Notice{receiver, std::to_string(now.ended()) + " " + std::to_string(now.total)});
    };
  }
  upkeep::check(options);
  auto made = std::make_unique<PyCall>(cache);
  RunningLoadPtr load = inside.is_none() ? nullptr : nb::cast<const Mark&>(inside).load;
  without_gil([&, handle = cache.handle()]() mutable {
    const LoadMark mark(std::move(load));
    upkeep::start_warming(std::move(handle), std::move(all), std::move(options), {},
                          [call = made->call](WarmReport report) { call->end(std::move(report)); });
    return true;
  });
  return made;
}

PyCallPtr start_clear(const CacheBase& cache, std::optional<double> timeout) {
  return start(cache, [&](cascade::Engine& engine, auto done) {
    engine.clear(write_options({}, timeout, {}), std::move(done));
  });
}
PyCallPtr start_flush(const CacheBase& cache, std::optional<double> timeout) {
  return start(cache, [&](cascade::Engine& engine, auto done) {
    engine.flush(write_options({}, timeout, {}), std::move(done));
  });
}
PyCallPtr start_explain(const CacheBase& cache, const nb::bytes& key) {
  return start(cache,
               [&, text = std::string(key.c_str(), key.size())](cascade::Engine& engine, auto done) mutable {
                 engine.explain(std::move(text), std::move(done));
               });
}

std::optional<JobPtr> job_or_none(JobPtr job) {
  return job == nullptr ? std::nullopt : std::optional(std::move(job));
}

/// One outcome of a loader as terrace._loading has it: an exception, or (form, value, ttl, tags).
cascade::Loaded loaded(const CacheBase& cache, nb::handle outcome) {
  if (PyExceptionInstance_Check(outcome.ptr()))
    return {.value = error_of(outcome.ptr(), Errc::loader_failed)};
  const nb::tuple parts = nb::cast<nb::tuple>(outcome);
  const auto form = nb::cast<std::string>(parts[0]);
  cascade::Loaded out{.ttl = duration(nb::cast<std::optional<double>>(parts[2])),
                      .tags = nb::cast<std::vector<std::string>>(parts[3])};
  out.keep = form != "passing" && form != "absent now" && form != "unchanged now";
  if (form == "absent" || form == "absent now") return out;
  if (form.starts_with("unchanged")) {
    out.not_modified = true;
    return out;
  }
  const nb::object kept = nb::steal(cache.handed_out(nb::handle(parts[1]).ptr()));
  const auto value = kept.is_valid() ? value_of(cache, kept.ptr()) : std::nullopt;
  if (!value) return {.value = take_python_error(Errc::unencodable)};
  out.value = cascade::ValuePtr(std::make_shared<const Value>(*value));
  return out;
}

void end_job(Job& job, const CacheBase& cache, const nb::list& outcomes) {
  std::vector<cascade::Loaded> all;
  for (const nb::handle outcome : outcomes) all.push_back(loaded(cache, outcome));
  without_gil([&] { return job.end(std::move(all)), true; });
}

void fail_job(Job& job, nb::handle exception) {
  const Error error = error_of(exception.ptr(), Errc::loader_failed);
  without_gil([&] { return job.fail(error), true; });
}

/// The exception that is set, with its traceback.
nb::object take_exception() {
  PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  if (trace != nullptr) PyException_SetTraceback(value, trace);
  Py_XDECREF(type);
  Py_XDECREF(trace);
  return nb::steal(value);
}

/// Runs its loader on this thread: its object (terrace._loading) says what to call, and what the result means. The
/// call is made from here, and no frame of Python lies between a loader that reads and the loader of that read.
/// Throws what the object says is not for the load alone (KeyboardInterrupt).
void run_job(const JobPtr& job) {
  if (!without_gil([&] { return job->begin(); })) return;
  const nb::object loading = nb::borrow(job->loader());
  const nb::object self = nb::cast(job);
  nb::object token = nb::none();
  nb::object returned;
  const nb::object begun = nb::steal(PyObject_CallMethod(loading.ptr(), "begin", "O", self.ptr()));
  if (begun.is_valid()) {
    token = nb::borrow(PyTuple_GetItem(begun.ptr(), 1));
    returned = nb::steal(PyObject_CallNoArgs(PyTuple_GetItem(begun.ptr(), 0)));
  }
  if (returned.is_valid()) {
    loading.attr("finish")(self, token, returned);
    return;
  }
  const nb::object raised = take_exception();
  if (!nb::cast<bool>(loading.attr("failed")(self, token, raised))) return;
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(raised.ptr())), raised.ptr());
  throw nb::python_error();
}

void run_loads(PyCall& self) {
  try {
    while (const JobPtr job = self.call->wait()) run_job(job);
    if (PyErr_Occurred() != nullptr) throw nb::python_error();
  } catch (nb::python_error&) {
    self.call->drop();  // its other loads must not wait for this thread
    throw;
  }
}

void break_off_job(Job& job, nb::handle exception) {
  const Error error = error_of(exception.ptr(), Errc::loader_failed);
  without_gil([&] { return job.break_off(error), true; });
}

nb::list previous(const Job& job, const CacheBase& cache) {
  nb::list out;
  for (const auto& value : job.request().previous) {
    nb::object object = nb::none();
    if (value != nullptr && cache.is_open()) {
      object = nb::steal(static_cast<const Value*>(value.get())->resolve(cache.memory()->codec()));
      if (object.is_valid()) object = nb::steal(cache.handed_out(object.ptr()));
      if (!object.is_valid()) {
        if (PyErr_ExceptionMatches(PyExc_Exception) == 0) throw nb::python_error();
        PyErr_Clear();
        object = nb::none();
      }
    }
    out.append(object);
  }
  return out;
}

nb::list keys_of(const Job& job) {
  nb::list out;
  for (const std::string& key : job.request().keys) out.append(nb::bytes(key.data(), key.size()));
  return out;
}

/// Its port belongs to the core's threads as well; that they hold no Python object for it spares them the
/// GIL.
struct PyPort {
  const std::shared_ptr<Port> port = std::make_shared<Port>();
};

nb::list drain(PyPort& self) {
  nb::list out;
  for (const Reference& attend : self.port->drain()) {
    if (attend) out.append(nb::borrow(attend.object()));
  }
  bury_the_dead();
  return out;
}

}  // namespace

void define_calls(nb::module_& module, nb::class_<CacheBase>& base) {
  nb::class_<Mark>(module, "Mark", "A load whose loader runs: reads by the loader carry it.")
      .def_prop_ro("running", [](const Mark& mark) { return mark.load != nullptr && mark.load->running(); });

  nb::class_<Job>(module, "Job", "A load to run: the keys, and the Python loader for them.")
      .def_prop_ro("keys", &keys_of)
      .def_prop_ro(
          "loader", [](const Job& job) { return nb::borrow(job.loader()); },
          nb::for_getter(nb::sig("def loader(self) -> typing.Any")))
      .def_prop_ro("stopped", [](const Job& job) { return job.request().stop.stop_requested(); })
      .def("previous", &previous)
      .def_prop_ro("mark", [](const Job& job) { return Mark{job.load()}; })
      .def("run", &run_job, "Runs the loader on this thread.")
      .def("end", &end_job)
      .def("fail", &fail_job)
      .def("break_off", &break_off_job,
           "It failed through no fault of the keys: its own callers get the exception, and the loader of "
           "another "
           "caller takes over.")
      .def(
          "others_wait", [](Job& job) { return without_gil([&] { return job.others_wait(); }); },
          "It has not ended, and another caller waits whose loader could take over.")
      .def(
          "look_after", [](const JobPtr& job) { Service::common().look_after(job); },
          "It runs in an event loop, which may stop.")
      .def(
          "end_when_stopped",
          [](Job& job, const PyPort& port, nb::object cancel) {
            without_gil([&, to = Reference::of(cancel.ptr())]() mutable {
              return job.end_when_stopped(port.port, std::move(to)), true;
            });
          },
          "From now on a stop ends it at once; then `cancel` is called in the loop.");

  nb::class_<cascade::Revision>(module, "Revision",
                                "What a level has under a key, for Cache.compare_and_set.");

  nb::class_<PyPort>(module, "Port", "Notifies an event loop of its calls.")
      .def(nb::init<>())
      .def_prop_ro("descriptor", [](const PyPort& self) { return self.port->descriptor(); })
      .def("drain", &drain);

  nb::class_<PyCall>(module, "Call", "An operation under way.")
      .def("run", &run_loads, "Waits until the call has ended, and runs its loads here.")
      .def("poll", [](PyCall& self) { return job_or_none(self.call->poll()); })
      .def_prop_ro("ended", [](PyCall& self) { return self.call->ended(); })
      .def("abandon", [](PyCall& self) { self.call->abandon(); })
      .def("drop", [](PyCall& self) { self.call->drop(); })
      .def("attend_by",
           [](PyCall& self, const PyPort& port, nb::object attend) {
             self.call->attend_by(port.port, Reference::of(attend.ptr()));
           })
      .def(
          "outcome", [](PyCall& self) { return outcome_of(self.call->take(), *self.memory, *self.engine); },
          "Call it once, when the call has ended: returns the result, or raises.")
      .def(
          "value",
          [](PyCall& self, nb::handle key) { return value_of(self.call->take(), *self.memory, key); },
          nb::arg("key").none(),
          "Once, when a read of one key has ended: its value, or raises; MISS: bytes that are no value.");

  base.def("_start_read", &start_read, nb::arg("keys"), nb::arg("loader").none(), nb::arg("in_background"),
           nb::arg("timeout").none(), nb::arg("tags"), nb::arg("looked"))
      .def("_refresh", &refresh)
      .def("_start_write", &start_write, nb::arg("keys"), nb::arg("values"), nb::arg("ttl").none(),
           nb::arg("timeout").none(), nb::arg("tags"))
      .def("_start_erase", &start_erase, nb::arg("keys"), nb::arg("timeout").none())
      .def("_start_current", &start_current, nb::arg("key"), nb::arg("timeout").none(), nb::arg("may_guess"))
      .def("_start_compare_and_set", &start_compare_and_set, nb::arg("key"), nb::arg("revision"),
           nb::arg("value").none(), nb::arg("ttl").none(), nb::arg("keeps_life"), nb::arg("timeout").none(),
           nb::arg("tags"))
      .def("_start_invalidate", &start_invalidate, nb::arg("kind"), nb::arg("keys"), nb::arg("text"),
           nb::arg("soft"), nb::arg("timeout").none())
      .def("_start_warm", &start_warm, nb::arg("tasks"), nb::arg("concurrency"), nb::arg("attempts"),
           nb::arg("task_timeout"), nb::arg("progress").none(), nb::arg("inside").none())
      .def("_start_clear", &start_clear, nb::arg("timeout").none())
      .def("_start_flush", &start_flush, nb::arg("timeout").none())
      .def("_start_explain", &start_explain);
}

}  // namespace terrace::python
