/// CacheBase and Tier as Python sees them.

#include <nanobind/stl/shared_ptr.h>

#include <terrace/key_ring.hpp>
#include <terrace/tier_url.hpp>

#include "answers.hpp"
#include "cache.hpp"
#include "interpreter.hpp"
#include "key.hpp"
#include "options.hpp"
#include "plain.hpp"

namespace terrace::python {
namespace {

void open(CacheBase& self, const nb::dict& settings, std::vector<std::shared_ptr<PyTier>> tiers,
          nb::object codec, std::optional<std::uint64_t> schema, nb::object copier, PyClock* clock) {
  self.open(cache_options(settings), tiers, std::move(codec), schema, std::move(copier), clock);
}

nb::bytes key_bytes(nb::handle object) {
  Key key;
  if (!key.read(object.ptr())) throw nb::python_error();
  return nb::bytes(key.text().data(), key.text().size());
}

/// Memory alone: every other level keeps the key.
bool forget(const CacheBase& self, const nb::bytes& key) {
  const auto memory = self.memory();
  return without_gil([&] { return memory->forget({key.c_str(), key.size()}); });
}
void forget_all(const CacheBase& self) {
  const auto memory = self.memory();
  without_gil([&] { return memory->forget_all(), true; });
}

nb::bytes argument_bytes(nb::handle object) {
  std::string key;
  if (!append_key(key, object.ptr(), Kin::apart) && !refuse_surrogates(object.ptr()))
    throw nb::python_error();
  return nb::bytes(key.data(), key.size());
}

nb::dict stats(const CacheBase& self) {
  nb::dict out = stats_of(self.stats());
  out["unreadable_values"] = self.unreadable();
  return out;
}

std::optional<nb::dict> advise(const CacheBase& self) {
  return advice_of(self.memory()->advise());
}

void define_group(CacheBase& self, std::string name, const nb::list& keys) {
  std::vector<std::string> members;
  for (const nb::handle key : keys) {
    const auto bytes = nb::cast<nb::bytes>(key);
    members.emplace_back(bytes.c_str(), bytes.size());
  }
  self.engine()->define_group(std::move(name), std::move(members));
}

void close_tier(PyTier& tier) {
  if (const auto made = std::exchange(tier.tier, nullptr)) {
    without_gil([&] { return made->close(), true; });
  }
}

/// What memory has: (key, value, seconds left or None) for each fresh entry that holds a value.
nb::list items(const CacheBase& self) {
  struct Item {
    std::string key;
    Value value;
    TimePoint fresh_until;
  };
  std::vector<Item> found;
  const auto memory = self.memory();
  const TimePoint now = memory->now();
  without_gil([&] {
    memory->for_each([&](const std::string& key, const cascade::Slot<Value>& slot) {
      if (slot.value && slot.fresh_until > now) found.push_back({key, *slot.value, slot.fresh_until});
    });
    return true;
  });
  nb::list out;
  for (const auto& [key, value, fresh_until] : found) {
    nb::object object = nb::steal(value.resolve(memory->codec()));
    if (object.is_valid()) object = nb::steal(self.handed_out(object.ptr()));
    if (!object.is_valid()) throw nb::python_error();
    const nb::object left =
        fresh_until == no_deadline ? nb::none() : nb::object(nb::float_(seconds(fresh_until - now)));
    out.append(nb::make_tuple(nb::bytes(key.data(), key.size()), object, left));
  }
  return out;
}

}  // namespace

void define_cache(nb::module_& module) {
  nb::class_<PyTier>(module, "Tier", "A tier from its URL; made when a cache first needs it.")
      .def("__init__",
           [](PyTier* self, std::string url, std::string key_prefix) {
             new (self) PyTier(std::move(url), std::move(key_prefix));
           })
      .def_prop_ro("_address", [](const PyTier& self) { return tier_address(self.url); })
      .def_ro("key_prefix", &PyTier::key_prefix)
      .def("close", &close_tier)
      .def("_abandon", [](PyTier& self) { new std::shared_ptr<Tier>(std::exchange(self.tier, nullptr)); });

  define_clock(module);
  nb::class_<CacheBase> base(module, "CacheBase", nb::type_slots(read_path_slots()),
                             "The base class of terrace.Cache.");
  base.def(nb::init<>())
      .def("_open", &open, nb::arg("settings"), nb::arg("tiers"), nb::arg("codec"), nb::arg("schema").none(),
           nb::arg("copier").none(), nb::arg("clock") = nb::none())
      .def("_close", &CacheBase::close)
      .def("_release", &CacheBase::release)
      .def("_abandon", &CacheBase::abandon)
      .def_prop_ro("_is_open", &CacheBase::is_open)
      .def_prop_ro("_has_tiers", &CacheBase::has_tiers)
      .def("_stats", &stats)
      .def("_advise", &advise)
      .def("_items", &items)
      .def("_forget", &forget)
      .def("_forget_all", &forget_all)
      .def("_define_group", &define_group)
      .def("_count_unreadable", &CacheBase::count_unreadable);
  module.def(
      "is_plain", [](nb::handle value) { return is_plain(value.ptr()); }, nb::arg("value").none(),
      "Whether MessagePack gives the value back as it is, type for type.");
  module.def("generate_key_ring", &generate_key_ring, "The text of a new key ring.");
  module.def("key_bytes", &key_bytes, nb::arg("key").none(), "The bytes that stand for an object as a key.");
  module.def("argument_bytes", &argument_bytes, nb::arg("argument").none(),
             "The bytes that stand for an argument of a memoized function: subclasses count.");
  define_calls(module, base);
  define_upkeep(module, base);
}

}  // namespace terrace::python
