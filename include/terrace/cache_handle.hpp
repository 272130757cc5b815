#pragma once
/// CacheHandle: a cache without the type of its values, for code that watches, warms or serves caches of many
/// types.

#include <memory>
#include <string>
#include <string_view>
#include <terrace/cache.hpp>
#include <utility>

namespace terrace {

/// Thread safe; copies refer to the same cache. A handle may outlive its cache: then its calls end with
/// Errc::shutdown. Each handler is called exactly once, on any thread, possibly inside the call. Errors are
/// those of the function of Cache<V> with the same name.
class CacheHandle {
 public:
  /// Implicit: a Cache can be passed where a handle is expected.
  template <class V>
  CacheHandle(const Cache<V>& cache)
      : CacheHandle(detail::CacheAccess::shared_engine(cache), detail::CacheAccess::values(cache)) {}
  /// For bindings to other languages, which hold a cache in another form.
  CacheHandle(std::shared_ptr<cascade::Engine> engine, std::shared_ptr<const cascade::Values> values)
      : engine_(std::move(engine)), values_(std::move(values)) {}

  /// CacheOptions::name. Valid as long as this handle.
  [[nodiscard]] std::string_view name() const noexcept { return engine_->name(); }
  [[nodiscard]] Scheduler& scheduler() const noexcept { return engine_->scheduler(); }
  [[nodiscard]] CacheStats stats() const { return engine_->stats(); }

  /// The kind of the cache's values; nothing if it takes any kind (Cache<Document>).
  [[nodiscard]] std::optional<StoredKind> kind() const noexcept { return values_->kind(); }

  /// Gets what memory or the tiers have, as it is stored. Memory does not count it as an access.
  void get(std::string key, const ReadOptions& options, Handler<Lookup<Document>> done) const;

  /// Error Errc::incompatible: the document is not of the kind of the cache's values, or cannot be decoded as
  /// one.
  void set(std::string key, const Document& value, const WriteOptions& options,
           Handler<Result<void>> done) const;

  void erase(std::string key, const WriteOptions& options, Handler<Result<bool>> done) const;
  void invalidate(Invalidation what, const InvalidateOptions& options,
                  Handler<Result<std::uint64_t>> done) const;
  void clear(const WriteOptions& options, Handler<Result<void>> done) const;
  void explain(std::string key, Handler<Result<Explanation>> done) const;

  /// For the layers above.
  [[nodiscard]] const std::shared_ptr<cascade::Engine>& engine() const noexcept { return engine_; }

 private:
  std::shared_ptr<cascade::Engine> engine_;
  std::shared_ptr<const cascade::Values> values_;
};

}  // namespace terrace
