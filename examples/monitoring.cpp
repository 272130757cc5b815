// Health with its reasons, and an alert that fires and recovers. In production use a window of a minute, and
// a webhook that notifies the people on call.
#include <future>
#include <iostream>
#include <terrace/cache.hpp>
#include <terrace/monitor.hpp>

using namespace std::chrono_literals;

/// Collects the notifications of the monitor.
class Notices {
 public:
  void operator()(const terrace::AlertNotice& notice) {
    (notice.kind == terrace::AlertNotice::Kind::recovered ? recovered_ : fired_).set_value(notice.message);
  }
  std::string fired() { return fired_.get_future().get(); }
  std::string recovered() { return recovered_.get_future().get(); }

 private:
  std::promise<std::string> fired_, recovered_;
};

void print(const terrace::Health& health) {
  std::cout << (health.healthy ? "healthy" : "not healthy") << (health.idle ? ", idle" : "") << '\n';
  for (const auto& issue : health.issues) std::cout << "  " << issue.what << '\n';
}

int main() {
  terrace::Cache<std::string> users({.name = "users", .ttl = 10min}, {});
  Notices notices;

  terrace::Monitor monitor({.window = 500ms, .interval = 20ms});
  monitor.watch(users);
  monitor.add_rule({.name = "cold",
                    .when = "hit_rate < 50% && requests > 100",
                    .lasting = 50ms,
                    .severity = terrace::Severity::critical,
                    .message = "most reads miss"});
  monitor.add_sink(terrace::log_notices());
  monitor.add_sink([&](const terrace::AlertNotice& notice) { notices(notice); });
  // monitor.add_webhook({.url = "https://hooks.example.org/T0KEN"});
  print(monitor.health());  // nothing served yet: healthy, idle

  for (int i = 0; i < 1000; ++i) (void)users.get(std::to_string(i));
  print(monitor.health());
  const std::string fired = notices.fired();
  std::cout << "fired: " << fired << '\n';

  for (int i = 0; i < 1000; ++i) users.set(std::to_string(i), "Ada").value();
  for (int i = 0; i < 2000; ++i) (void)users.get(std::to_string(i % 1000));
  const std::string recovered = notices.recovered();
  std::cout << "recovered: " << recovered << '\n';
  print(monitor.health());
  return monitor.alerts().empty() ? 0 : 1;
}
