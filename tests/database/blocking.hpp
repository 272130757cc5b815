#pragma once
/// Blocking calls on a tier, for tests, and a folder that goes away with the test.

#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <terrace/tier.hpp>

namespace terrace::database {

/// Long enough for a loaded machine; nothing waits that long unless it is broken.
inline TimePoint soon() {
  return after(system_clock().now(), std::chrono::seconds(20));
}

template <class T, class Start>
T wait_for(Start&& start) {
  auto promise = std::make_shared<std::promise<T>>();
  std::future<T> answer = promise->get_future();
  start([promise](T value) { promise->set_value(std::move(value)); });
  if (answer.wait_for(std::chrono::seconds(30)) != std::future_status::ready) {
    throw std::runtime_error("the handler was not called");
  }
  return answer.get();
}

inline Result<Found> get(Tier& tier, std::string_view key, TimePoint by = soon()) {
  return wait_for<Result<Found>>([&](auto done) { tier.get(key, by, std::move(done)); });
}
inline Result<void> set(Tier& tier, std::string_view key, BytesView value, std::optional<Duration> ttl = {},
                        TimePoint by = soon()) {
  return wait_for<Result<void>>([&](auto done) { tier.set(key, value, ttl, by, std::move(done)); });
}
inline Result<bool> erase(Tier& tier, std::string_view key, TimePoint by = soon()) {
  return wait_for<Result<bool>>([&](auto done) { tier.erase(key, by, std::move(done)); });
}
inline Result<std::uint64_t> erase_prefix(Tier& tier, std::string_view prefix, TimePoint by = soon()) {
  return wait_for<Result<std::uint64_t>>([&](auto done) { tier.erase_prefix(prefix, by, std::move(done)); });
}
inline Result<std::uint64_t> erase_glob(Tier& tier, std::string_view prefix, std::string_view pattern,
                                        TimePoint by = soon()) {
  return wait_for<Result<std::uint64_t>>(
      [&](auto done) { tier.erase_glob(prefix, pattern, by, std::move(done)); });
}
inline std::vector<Result<Found>> get_many(Tier& tier, std::vector<std::string_view> keys,
                                           TimePoint by = soon()) {
  return wait_for<std::vector<Result<Found>>>([&](auto done) { tier.get_many(keys, by, std::move(done)); });
}
inline std::vector<Result<void>> set_many(Tier& tier, std::vector<TierWrite> writes, TimePoint by = soon()) {
  return wait_for<std::vector<Result<void>>>([&](auto done) { tier.set_many(writes, by, std::move(done)); });
}
inline std::vector<Result<bool>> erase_many(Tier& tier, std::vector<std::string_view> keys,
                                            TimePoint by = soon()) {
  return wait_for<std::vector<Result<bool>>>([&](auto done) { tier.erase_many(keys, by, std::move(done)); });
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "terrace-sqlite-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace terrace::database
