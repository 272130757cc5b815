#pragma once
/// Two processes, as it were: caches with a memory of their own over one shared tier, on virtual time.

#include "cascade/fixture.hpp"

namespace terrace {

class SharedTest : public ::testing::Test {
 protected:
  using Strings = Cache<std::string>;

  void TearDown() override {
    scheduler_->advance(1h);
    for (const auto& loader : started_) {
      if (loader) loader->done = nullptr;  // unanswered, it owns what owns it
    }
  }

  [[nodiscard]] Strings make(CacheOptions options = {.ttl_jitter = 0}) const {
    options.scheduler = scheduler_;
    options.ttl_jitter = 0;
    return Strings(std::move(options), {shared_});
  }

  /// A get_or_load under way whose loader the test answers.
  struct Held final : cascade::Loader {
    [[nodiscard]] bool blocks() const noexcept override { return false; }
    void load(const cascade::LoadRequest& request, Handler<std::vector<cascade::Loaded>> d) override {
      done = std::move(d);
      previous = request.previous.front();
      stop = request.stop;
      others_wait = request.others_wait;
      ++calls;
    }
    void answer(std::string value, std::optional<Duration> ttl = {}) {
      std::exchange(done, nullptr)({cascade::loaded<std::string>(std::move(value), ttl)});
    }
    void fail(const std::string& why) {
      std::exchange(done, nullptr)({{.value = Error(Errc::loader_failed, why)}});
    }
    Handler<std::vector<cascade::Loaded>> done;
    cascade::ValuePtr previous;
    std::stop_token stop;
    std::function<bool()> others_wait;  // until the answer
    int calls = 0;
  };
  using Later = std::shared_ptr<std::optional<cascade::Answer>>;

  Later start(Strings& cache, const std::string& key, const std::shared_ptr<Held>& loader,
              ReadOptions options = {}) {
    started_.push_back(loader);
    auto later = std::make_shared<std::optional<cascade::Answer>>();
    detail::CacheAccess::engine(cache).read(
        {key}, loader, options,
        [later](std::vector<cascade::Answer> answers) { *later = std::move(answers.front()); });
    return later;
  }
  static std::string text(const Later& later) {
    if (!later->has_value()) return "(pending)";
    const auto& value = (*later)->entry.value;
    return value ? *static_cast<const std::string*>(value.get()) : "(none)";
  }
  static auto constant(std::string value) {
    return [value = std::move(value)] { return value; };
  }
  static auto failing(std::string why = "origin down") {
    return [why = std::move(why)]() -> std::string { throw std::runtime_error(why); };
  }

  std::shared_ptr<testing::FakeScheduler> scheduler_ = std::make_shared<testing::FakeScheduler>();
  std::shared_ptr<testing::SharedMapTier> shared_ =
      std::make_shared<testing::SharedMapTier>(scheduler_->clock());
  std::vector<std::shared_ptr<Held>> started_;
};

}  // namespace terrace
