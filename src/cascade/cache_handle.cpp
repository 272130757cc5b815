#include <terrace/cache_handle.hpp>

namespace terrace {
namespace {

Lookup<Document> as_document(cascade::Answer&& answer, const cascade::Engine& engine,
                             const cascade::Values& values) {
  Lookup<Document> out{.kind = answer.kind, .joined = answer.joined, .error = std::move(answer.error)};
  if (answer.kind == LookupKind::miss || answer.kind == LookupKind::unavailable) return out;
  const TimePoint now = engine.scheduler().clock().now();
  out.level = engine.level_name(answer.level);
  out.age = now - answer.entry.created;
  const auto ends = answer.kind == LookupKind::stale ? answer.entry.gone() : answer.entry.fresh_until;
  if (ends) out.remaining = *ends - now;
  if (answer.entry.value == nullptr) return out;
  auto document = values.encode(answer.entry.value.get());
  if (!document) return {.kind = LookupKind::unavailable, .error = document.error()};
  out.value = std::move(*document);
  return out;
}

/// Calls `done` with the only outcome.
template <class T>
auto only(Handler<T> done) {
  return [done = std::move(done)](std::vector<T> outcomes) mutable { done(std::move(outcomes.front())); };
}

}  // namespace

void CacheHandle::get(std::string key, const ReadOptions& options, Handler<Lookup<Document>> done) const {
  engine_->read({std::move(key)}, nullptr, options,
                [engine = engine_, values = values_,
                 done = std::move(done)](std::vector<cascade::Answer> answers) mutable {
                  done(as_document(std::move(answers.front()), *engine, *values));
                });
}

void CacheHandle::set(std::string key, const Document& value, const WriteOptions& options,
                      Handler<Result<void>> done) const {
  const auto wanted = values_->kind();
  if (wanted && value.kind != *wanted) {
    return done(Error(Errc::incompatible, "cache \"" + std::string(name()) +
                                              "\" holds values of another type than the one given for " +
                                              printable_key(key)));
  }
  auto decoded = values_->decode(value.payload, value.kind);
  if (!decoded) return done(decoded.error());
  engine_->write({{std::move(key), std::move(*decoded)}}, options, only(std::move(done)));
}

void CacheHandle::erase(std::string key, const WriteOptions& options, Handler<Result<bool>> done) const {
  engine_->erase({std::move(key)}, options, only(std::move(done)));
}

void CacheHandle::invalidate(Invalidation what, const InvalidateOptions& options,
                             Handler<Result<std::uint64_t>> done) const {
  engine_->invalidate(std::move(what), options, std::move(done));
}

void CacheHandle::clear(const WriteOptions& options, Handler<Result<void>> done) const {
  engine_->clear(options, std::move(done));
}

void CacheHandle::explain(std::string key, Handler<Result<Explanation>> done) const {
  engine_->explain(std::move(key), std::move(done));
}

}  // namespace terrace
