/// A cache over a SQLite file that is only read, as it is baked into an image.

#include <gtest/gtest.h>

#include <terrace/cache.hpp>
#include <terrace/sqlite.hpp>

#include "support/child_process.hpp"

namespace terrace {
namespace {

using namespace std::chrono_literals;

TEST(ReadOnlyLevel, ServesItsEntriesAndDoesNotHinderLoads) {
  const testing::TempDir folder;
  const std::string file = folder.file("baked.db");
  const CacheOptions options{.name = "users", .ttl = 1h, .tier_timeout = 10s};
  Cache<std::string>(options, {make_sqlite_tier({.path = file})}).set("ann", "baked").value();

  Cache<std::string> users(options, {make_sqlite_tier({.path = file, .read_only = true})});
  EXPECT_EQ(users.get("ann"), "baked");
  EXPECT_EQ(users.get_or_load("bob", [] { return std::string("loaded"); }).value(), "loaded");
  EXPECT_EQ(users.get("bob"), "loaded") << "from memory";
  const auto refused = users.set("ann", "new");
  EXPECT_EQ(refused.error(), Errc::partial_write);
  EXPECT_NE(refused.error().context.find("sqlite"), std::string::npos) << refused.error().message();
  EXPECT_EQ(users.get("ann"), "new");
}

}  // namespace
}  // namespace terrace
