#pragma once
/// CacheHandle: a cache without the type of its values, for what watches, warms and serves caches of many
/// types.

#include <memory>
#include <string>
#include <string_view>
#include <terrace/cache.hpp>
#include <utility>

namespace terrace {

/// What to invalidate: keys, or a group, prefix, glob or tag.
using Invalidation = cascade::Selection;

/// Thread safe; copies stand for the same cache. It may outlive the cache: then its calls end with
/// Errc::shutdown. Each handler is called exactly once, on any thread, possibly inside the call; errors are
/// those of Cache<V>'s function of the same name.
class CacheHandle {
 public:
  /// Implicit: where a handle is wanted, a cache will do.
  template <class V>
  CacheHandle(const Cache<V>& cache) : CacheHandle(cache.shared_engine(), cache.values()) {}
  /// Of a cache in another form: for bindings to other languages.
  CacheHandle(std::shared_ptr<cascade::Engine> engine, std::shared_ptr<const cascade::Values> values)
      : engine_(std::move(engine)), values_(std::move(values)) {}

  /// CacheOptions::name. Lives as long as this handle.
  [[nodiscard]] std::string_view name() const noexcept { return engine_->name(); }
  [[nodiscard]] Scheduler& scheduler() const noexcept { return engine_->scheduler(); }
  [[nodiscard]] CacheStats stats() const { return engine_->stats(); }

  /// Of the cache's values; none: it takes any (Cache<Document>).
  [[nodiscard]] std::optional<StoredKind> kind() const noexcept { return values_->kind(); }

  /// What memory or the tiers have, as it is stored. Not counted as an access of memory.
  void get(std::string key, const ReadOptions& options, Handler<Lookup<Document>> done) const;

  /// Errc::incompatible: the document is of another kind than the cache's values, or no value of that kind.
  void set(std::string key, const Document& value, const WriteOptions& options,
           Handler<Result<void>> done) const;

  void erase(std::string key, const WriteOptions& options, Handler<Result<bool>> done) const;
  void invalidate(Invalidation what, const InvalidateOptions& options,
                  Handler<Result<std::uint64_t>> done) const;
  void clear(const WriteOptions& options, Handler<Result<void>> done) const;
  void explain(std::string key, Handler<Result<Explanation>> done) const;

  /// For the floors above.
  [[nodiscard]] const std::shared_ptr<cascade::Engine>& engine() const noexcept { return engine_; }

 private:
  std::shared_ptr<cascade::Engine> engine_;
  std::shared_ptr<const cascade::Values> values_;
};

}  // namespace terrace
