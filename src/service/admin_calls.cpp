// The operations on one cache: each reads its arguments, starts the cache's operation, and turns its outcome
// into JSON.
#include <array>
#include <boost/json/array.hpp>

#include "service/admin_api.hpp"
#include "service/admin_arguments.hpp"
#include "service/document_json.hpp"
#include "service/stats_json.hpp"
#include "service/text_json.hpp"

namespace terrace::service {

namespace json = boost::json;
namespace {

constexpr std::array<std::string_view, 7> operation_names{"get",   "set",     "erase", "invalidate",
                                                          "clear", "explain", "warm"};
constexpr Duration default_timeout = std::chrono::seconds(10);

using Done = Handler<AdminReply>;

/// Starts every answer about one key.
json::object about(const CacheHandle& cache, BytesView key) {
  return {{"cache", cache.name()}, {"key", text_or_bytes(key)}};
}

/// An error, with further known data.
AdminReply failure(const Error& error, json::object body) {
  body["error"] = AdminReply::failed(error).body["error"];
  return {error, std::move(body)};
}

json::object lookup_json(const CacheHandle& cache, BytesView key, const Lookup<Document>& found) {
  json::object out = about(cache, key);
  out["kind"] = to_string(found.kind);
  out["level"] = found.level.empty() ? json::value(nullptr) : text_or_bytes(found.level);
  out["age_s"] = found.value ? json::value(seconds(found.age)) : json::value(nullptr);
  out["remaining_s"] = seconds(found.remaining);
  out["value"] = nullptr;
  if (!found.value) return out;
  out["codec"] = found.value->kind.codec;
  out["schema"] = schema_name(found.value->kind);
  out["bytes"] = found.value->payload.size();
  if (auto value = to_json(*found.value)) {
    out["value"] = std::move(*value);
  } else {
    out["note"] = value.error().message();
  }
  return out;
}

void get(const CacheHandle& cache, AdminArguments& arguments, Done done) {
  const Bytes key = arguments.key();
  const ReadOptions options{.timeout = arguments.duration("timeout").value_or(default_timeout)};
  if (const auto read = arguments.finish(); !read) return done(AdminReply::failed(read.error()));
  cache.get(key, options, [cache, key, done = std::move(done)](Lookup<Document> found) mutable {
    json::object body = lookup_json(cache, key, found);
    if (found.kind == LookupKind::unavailable) return done(failure(found.error, std::move(body)));
    done({{}, std::move(body)});
  });
}

void set(const CacheHandle& cache, AdminArguments& arguments, Done done) {
  const Bytes key = arguments.key();
  const json::value& value = arguments.required("value");
  const WantedKind wanted{cache.kind(), arguments.text("schema").value_or("")};
  const WriteOptions options{.ttl = arguments.duration("ttl"),
                             .timeout = arguments.duration("timeout").value_or(default_timeout),
                             .tags = arguments.texts("tags").value_or(std::vector<Bytes>())};
  if (const auto read = arguments.finish(); !read) return done(AdminReply::failed(read.error()));
  const auto document = to_document(value, wanted);
  if (!document) return done(AdminReply::failed(document.error()));
  json::object body = about(cache, key);
  body["schema"] = schema_name(document->kind);
  cache.set(key, *document, options,
            [body = std::move(body), done = std::move(done)](Result<void> outcome) mutable {
              body["stored"] = outcome.has_value();
              if (!outcome) return done(failure(outcome.error(), std::move(body)));
              done({{}, std::move(body)});
            });
}

void erase(const CacheHandle& cache, AdminArguments& arguments, Done done) {
  const Bytes key = arguments.key();
  const WriteOptions options{.timeout = arguments.duration("timeout").value_or(default_timeout)};
  if (const auto read = arguments.finish(); !read) return done(AdminReply::failed(read.error()));
  cache.erase(key, options, [body = about(cache, key), done = std::move(done)](Result<bool> outcome) mutable {
    if (!outcome) return done(failure(outcome.error(), std::move(body)));
    body["erased"] = *outcome;
    done({{}, std::move(body)});
  });
}

/// Reads one of the five ways to select keys.
Invalidation selection(AdminArguments& arguments) {
  using Kind = Invalidation::Kind;
  constexpr std::array ways{std::pair{"group", Kind::group}, std::pair{"prefix", Kind::prefix},
                            std::pair{"glob", Kind::glob}, std::pair{"tag", Kind::tag}};
  Invalidation what;
  unsigned given = 0;
  if (auto keys = arguments.texts("keys")) {
    what.keys = std::move(*keys);
    ++given;
  }
  for (const auto& [name, kind] : ways) {
    auto text = arguments.text(name);
    if (!text) continue;
    what.kind = kind;
    what.text = std::move(*text);
    ++given;
  }
  if (given != 1) {
    arguments.fail(R"(give one of "keys", "group", "prefix", "glob" and "tag", as in {"tag": "team:navy"})");
  }
  return what;
}

void invalidate(const CacheHandle& cache, AdminArguments& arguments, Done done) {
  Invalidation what = selection(arguments);
  const InvalidateOptions options{.soft = arguments.flag("soft"),
                                  .timeout = arguments.duration("timeout").value_or(default_timeout)};
  if (const auto read = arguments.finish(); !read) return done(AdminReply::failed(read.error()));
  json::object body{{"cache", cache.name()}};
  cache.invalidate(std::move(what), options,
                   [body = std::move(body), done = std::move(done)](Result<std::uint64_t> outcome) mutable {
                     if (!outcome) return done(failure(outcome.error(), std::move(body)));
                     body["invalidated"] = *outcome;
                     done({{}, std::move(body)});
                   });
}

void clear(const CacheHandle& cache, AdminArguments& arguments, Done done) {
  const WriteOptions options{.timeout = arguments.duration("timeout").value_or(default_timeout)};
  if (const auto read = arguments.finish(); !read) return done(AdminReply::failed(read.error()));
  json::object body{{"cache", cache.name()}};
  cache.clear(options, [body = std::move(body), done = std::move(done)](Result<void> outcome) mutable {
    body["cleared"] = outcome.has_value();
    if (!outcome) return done(failure(outcome.error(), std::move(body)));
    done({{}, std::move(body)});
  });
}

void explain(const CacheHandle& cache, AdminArguments& arguments, Done done) {
  const Bytes key = arguments.key();
  if (const auto read = arguments.finish(); !read) return done(AdminReply::failed(read.error()));
  cache.explain(key, [body = about(cache, key), done = std::move(done)](Result<Explanation> outcome) mutable {
    if (!outcome) return done(failure(outcome.error(), std::move(body)));
    json::array levels;
    for (const LevelExplanation& level : outcome->levels) {
      levels.push_back({{"level", text_or_bytes(level.level)},
                        {"kind", to_string(level.kind)},
                        {"age_s", seconds(level.age)},
                        {"remaining_s", seconds(level.remaining)},
                        {"bytes", level.bytes},
                        {"note", text_or_bytes(level.note)}});
    }
    body["in_flight"] = outcome->in_flight;
    body["levels"] = std::move(levels);
    done({{}, std::move(body)});
  });
}

json::object report_json(const CacheHandle& cache, const WarmReport& report) {
  json::array failures;
  for (const WarmFailure& failure : report.failures) {
    failures.push_back({{"key", text_or_bytes(failure.key)},
                        {"attempts", failure.attempts},
                        {"error", text_or_bytes(failure.error.message())}});
  }
  return {{"cache", cache.name()},          {"total", report.total},
          {"warmed", report.warmed},        {"present", report.present},
          {"absent", report.absent},        {"failed", report.failed},
          {"skipped", report.skipped},      {"elapsed_s", seconds(report.elapsed)},
          {"failures", std::move(failures)}};
}

void warm(const CacheHandle& cache, const Warming& warming, AdminArguments& arguments, std::stop_token stop,
          Done done) {
  std::vector<Bytes> keys = arguments.keys();
  if (const auto read = arguments.finish(); !read) return done(AdminReply::failed(read.error()));
  auto ended = [cache, done = std::move(done)](WarmReport report) mutable {
    done({{}, report_json(cache, report)});
  };
  if (warming) return warming(std::move(keys), std::move(stop), std::move(ended));
  std::vector<upkeep::WarmTask> tasks;
  const auto options = std::make_shared<const WarmOptions>();
  for (Bytes& key : keys) tasks.push_back({std::move(key), nullptr, options});
  upkeep::start_warming(cache, std::move(tasks), {}, std::move(stop), std::move(ended));
}

}  // namespace

std::string_view to_string(AdminOperation operation) noexcept {
  return operation_names[static_cast<std::size_t>(operation)];
}

std::optional<AdminOperation> admin_operation(std::string_view name) noexcept {
  for (std::size_t i = 0; i < operation_names.size(); ++i) {
    if (operation_names[i] == name) return static_cast<AdminOperation>(i);
  }
  return std::nullopt;
}

void AdminApi::run(AdminCall call, Handler<AdminReply> done) const {
  const auto served = find(call.cache);
  if (!served) return done(AdminReply::failed(unknown(call.cache)));
  const CacheHandle& cache = served->cache;
  AdminArguments arguments(call.arguments);
  switch (call.operation) {
    case AdminOperation::get:
      return get(cache, arguments, std::move(done));
    case AdminOperation::set:
      return set(cache, arguments, std::move(done));
    case AdminOperation::erase:
      return erase(cache, arguments, std::move(done));
    case AdminOperation::invalidate:
      return invalidate(cache, arguments, std::move(done));
    case AdminOperation::clear:
      return clear(cache, arguments, std::move(done));
    case AdminOperation::explain:
      return explain(cache, arguments, std::move(done));
    case AdminOperation::warm:
      return warm(cache, served->warming, arguments, std::move(call.stop), std::move(done));
  }
}

}  // namespace terrace::service
