#pragma once
/// A cache of strings over two tiers in memory, on virtual time.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <terrace/cache.hpp>
#include <terrace/testing.hpp>
#include <vector>

#include "envelope/envelope.hpp"

namespace terrace {

using namespace std::chrono_literals;

class CascadeTest : public ::testing::Test {
 protected:
  using Strings = Cache<std::string>;

  /// What is still under way holds the cache, and the scheduler what is under way.
  void TearDown() override {
    upper_->plan(nullptr);
    lower_->plan(nullptr);
    upper_->release();
    lower_->release();
    scheduler_->advance(1h);
  }

  /// A cache over upper and lower, without jitter unless the options say so.
  [[nodiscard]] Strings make(CacheOptions options = {.ttl_jitter = 0}) const {
    if (options.scheduler == nullptr) options.scheduler = scheduler_;
    return Strings(std::move(options), {upper_, lower_});
  }

  /// Another process, as it were: a cache with a memory of its own over the same tiers.
  [[nodiscard]] Strings make_other() const { return make(); }

  /// An entry, and not only a claim.
  [[nodiscard]] bool in_map(const std::shared_ptr<testing::MapTier>& map, const std::string& key) const {
    Result<Found> found = Found{};
    map->get("default:" + key, no_deadline, [&](Result<Found> f) { found = std::move(f); });
    if (!found.value()) return false;
    const auto opened = envelope::open("default", key, *found.value());
    return !opened || opened->meta.fresh_until != WallTime{};
  }

  static auto constant(std::string value) {
    return [value = std::move(value)] { return value; };
  }

  /// What a started operation will have answered once it has.
  template <class T>
  using Later = std::shared_ptr<std::optional<T>>;

  /// Starts a get_or_load that does not block.
  template <class LoaderFn>
  Later<cascade::Answer> start_load(Strings& cache, const std::string& key, LoaderFn loader,
                                    ReadOptions options = {}) {
    return start_read(cache, key, cascade::make_loader<std::string>(std::move(loader)), options);
  }
  Later<cascade::Answer> start_lookup(Strings& cache, const std::string& key, ReadOptions options = {}) {
    return start_read(cache, key, nullptr, options);
  }
  Later<cascade::Answer> start_read(Strings& cache, const std::string& key,
                                    std::shared_ptr<cascade::Loader> loader, ReadOptions options) {
    auto later = std::make_shared<std::optional<cascade::Answer>>();
    detail::CacheAccess::engine(cache).read(
        {key}, std::move(loader), options,
        [later](std::vector<cascade::Answer> answers) { *later = std::move(answers.front()); });
    return later;
  }
  static std::string text(const Later<cascade::Answer>& later) {
    if (!later->has_value()) return "(pending)";
    const auto& value = (*later)->entry.value;
    return value ? *static_cast<const std::string*>(value.get()) : "(none)";
  }

  std::shared_ptr<testing::FakeScheduler> scheduler_ = std::make_shared<testing::FakeScheduler>();
  std::shared_ptr<testing::MapTier> upper_map_ = std::make_shared<testing::MapTier>(scheduler_->clock());
  std::shared_ptr<testing::MapTier> lower_map_ = std::make_shared<testing::MapTier>(scheduler_->clock());
  std::shared_ptr<testing::FaultyTier> upper_ = std::make_shared<testing::FaultyTier>(upper_map_, scheduler_);
  std::shared_ptr<testing::FaultyTier> lower_ = std::make_shared<testing::FaultyTier>(lower_map_, scheduler_);
};

}  // namespace terrace
