#include <terrace/cache_handle.hpp>

#include "cascade/fixture.hpp"

namespace terrace {
namespace {

/// What a call told its handler, which on virtual time it does at once.
template <class T, class Start>
T told(testing::FakeScheduler& scheduler, Start start) {
  std::optional<T> outcome;
  start([&](T o) { outcome.emplace(std::move(o)); });
  scheduler.run_ready();
  return std::move(outcome.value());
}

class HandleTest : public CascadeTest {
 protected:
  Lookup<Document> get(const CacheHandle& handle, const std::string& key) {
    return told<Lookup<Document>>(*scheduler_, [&](auto done) { handle.get(key, {}, std::move(done)); });
  }
  Result<void> set(const CacheHandle& handle, const std::string& key, const Document& value) {
    return told<Result<void>>(*scheduler_, [&](auto done) { handle.set(key, value, {}, std::move(done)); });
  }
  [[nodiscard]] Cache<Document> documents() const {
    return Cache<Document>({.ttl_jitter = 0, .scheduler = scheduler_}, {upper_, lower_});
  }

  static constexpr StoredKind text{Codec<std::string>::id, Codec<std::string>::schema};
};

TEST_F(HandleTest, AValueIsSeenAsItIsStored) {
  auto cache = make();
  cache.set("k", "v").value();
  const CacheHandle handle = cache;
  EXPECT_EQ(handle.name(), "default");
  const auto found = get(handle, "k");
  EXPECT_EQ(found.kind, LookupKind::hit);
  EXPECT_EQ(found.level, "memory");
  EXPECT_EQ(found.value, (Document{"\xa1v", text}));
  EXPECT_EQ(cache.stats().levels[0].hits, 0U) << "looking on is no access";
  EXPECT_EQ(get(handle, "other").kind, LookupKind::miss);
}

TEST_F(HandleTest, ADocumentOfTheCachesKindIsStored) {
  auto cache = make();
  const CacheHandle handle = cache;
  set(handle, "k", {"\xa1w", text}).value();
  EXPECT_EQ(cache.get("k"), "w");
  EXPECT_EQ(set(handle, "k", {"\x07", {text.codec, text.schema + 1}}).error(), Errc::incompatible);
  EXPECT_EQ(set(handle, "k", {"\x07", text}).error(), Errc::incompatible) << "a number is no string";
  EXPECT_EQ(set(handle, "k", {"\xa9w", text}).error(), Errc::corrupt);
  EXPECT_EQ(cache.get("k"), "w");
}

TEST_F(HandleTest, ACacheOfDocumentsReadsAndWritesEveryKind) {
  make().set("k", "v").value();
  auto any = documents();
  const auto found = any.get("k");
  EXPECT_EQ(found, (Document{"\xa1v", text}));
  any.set("k", Document{"\xa1w", text}).value();
  EXPECT_EQ(make_other().get("k"), "w");
  EXPECT_EQ(CacheHandle(any).kind(), std::nullopt);
}

TEST_F(HandleTest, ErasesInvalidatesAndExplains) {
  auto cache = make();
  cache.set("a", "v", {.tags = {"t"}}).value();
  cache.set("b", "v").value();
  const CacheHandle handle = cache;
  const auto explained =
      told<Result<Explanation>>(*scheduler_, [&](auto done) { handle.explain("a", std::move(done)); });
  EXPECT_EQ(explained.value().levels.size(), 3U);
  EXPECT_EQ(told<Result<std::uint64_t>>(*scheduler_,
                                        [&](auto done) {
                                          handle.invalidate({.kind = Invalidation::Kind::tag, .text = "t"},
                                                            {}, std::move(done));
                                        })
                .value(),
            1U);
  EXPECT_EQ(cache.get("a"), std::nullopt);
  EXPECT_TRUE(
      told<Result<bool>>(*scheduler_, [&](auto done) { handle.erase("b", {}, std::move(done)); }).value());
  EXPECT_EQ(cache.get("b"), std::nullopt);
}

TEST_F(HandleTest, AHandleOutlivesItsCache) {
  auto cache = std::make_unique<Strings>(make());
  const CacheHandle handle = *cache;
  cache.reset();
  EXPECT_EQ(handle.name(), "default");
  EXPECT_EQ(get(handle, "k").error, Errc::shutdown);
  EXPECT_EQ(set(handle, "k", {"\xa1w", text}).error(), Errc::shutdown);
}

}  // namespace
}  // namespace terrace
