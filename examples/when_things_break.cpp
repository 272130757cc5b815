// Tags, stale values while the origin is down, sealed entries, and writes that survive a crash in a journal.
#include <filesystem>
#include <iostream>
#include <terrace/cache.hpp>
#include <terrace/key_ring.hpp>
#include <terrace/sqlite.hpp>

using namespace std::chrono_literals;

int main() {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "terrace-example";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);

  terrace::CacheOptions options{.name = "prices", .ttl = 1min, .grace = 1h};
  options.key_ring =
      terrace::KeyRing::parse(terrace::generate_key_ring());  // in production: KeyRing::from_file
  options.write_mode = terrace::WriteMode::back;
  options.write_back.path = folder / "journal";
  terrace::Cache<double> prices(options, {terrace::make_sqlite_tier({.path = folder / "prices.db"})});

  // A write is done when it is in the journal. The tier gets it soon after.
  prices.set("tea", 4.20, {.tags = {"drinks"}}).value();
  prices.set("bread", 2.80).value();
  prices.flush().value();

  // One small operation invalidates all entries with the tag.
  prices.invalidate_tag("drinks").value();
  std::cout << "tea " << (prices.get("tea") ? "is" : "is not") << " in the cache, bread costs "
            << prices.get("bread").value_or(0) << '\n';

  // A loader may take a context: a token that asks it to stop, and the previous value.
  const auto found = prices.lookup_or_load("tea", [](std::string_view, const terrace::LoadContext<double>&) {
    return terrace::Load<double>{.value = 4.50};
  });
  std::cout << "tea costs " << *found.value << ", from " << found.level << '\n';

  prices.close();
  std::filesystem::remove_all(folder);
}
