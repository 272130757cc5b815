#include <future>
#include <terrace/caches.hpp>

#include "operate/target.hpp"
#include "service/stats_json.hpp"
#include "service/text_json.hpp"

namespace terrace::cli {
namespace {

using service::AdminCall;
using service::AdminOperation;
using service::AdminReply;

Answer answer(AdminReply&& reply) {
  Answer out{std::move(reply.body)};
  if (!reply.error.code) return out;
  const bool is_usage = reply.error == Errc::not_found || reply.error == Errc::invalid_argument ||
                        reply.error == Errc::invalid_key || reply.error == Errc::incompatible ||
                        reply.error == Errc::unencodable;
  out.failure = {reply.error.code.message(), reply.error.context, is_usage};
  return out;
}

class DirectTarget final : public Target {
 public:
  DirectTarget(const std::string& config, Duration timeout)
      : label_(config),
        timeout_(timeout),
        caches_(Caches::open(config, {.alerts = false})),
        handles_(caches_->handles()),
        api_(caches_->monitor()) {
    for (const CacheHandle& cache : handles_) api_.add(cache);
  }

  [[nodiscard]] std::string label() const override { return label_; }

  Answer stats(const std::optional<std::string>& cache) override {
    return answer(cache ? api_.stats(*cache) : api_.stats());
  }

  Answer run(AdminOperation operation, const std::string& cache, boost::json::object arguments) override {
    if (operation != AdminOperation::explain) arguments.emplace("timeout", service::seconds(timeout_));
    return run({.operation = operation, .cache = cache, .arguments = std::move(arguments)});
  }

  Answer warm(const WarmCall& call) override {
    for (const CacheHandle& cache : handles_) {
      if (cache.name() != call.cache) continue;
      api_.add_warming(call.cache, [&](auto keys, auto stop, Handler<WarmReport> done) {
        start(cache, call, std::move(keys), std::move(stop), std::move(done));
      });
    }
    boost::json::array keys;
    for (const std::string& key : call.keys) keys.push_back(service::text_or_bytes(key));
    return run({.operation = AdminOperation::warm,
                .cache = call.cache,
                .arguments = {{"keys", std::move(keys)}},
                .stop = call.stop});
  }

 private:
  static void start(const CacheHandle& cache, const WarmCall& call, std::vector<std::string> keys,
                    std::stop_token stop, Handler<WarmReport> done) {
    std::vector<upkeep::WarmTask> tasks;
    const auto options = std::make_shared<const WarmOptions>();
    for (std::string& key : keys) tasks.push_back({std::move(key), nullptr, options});
    upkeep::start_warming(cache, std::move(tasks),
                          {.concurrency = call.concurrency, .progress = call.progress}, std::move(stop),
                          std::move(done));
  }

  Answer run(AdminCall call) {
    std::promise<AdminReply> told;
    std::future<AdminReply> reply = told.get_future();
    api_.run(std::move(call), [&](AdminReply said) { told.set_value(std::move(said)); });
    return answer(reply.get());
  }

  const std::string label_;
  const Duration timeout_;
  const std::unique_ptr<Caches> caches_;
  const std::vector<CacheHandle> handles_;
  service::AdminApi api_;
};

}  // namespace

std::unique_ptr<Target> make_direct_target(const std::string& config, Duration timeout) {
  return std::make_unique<DirectTarget>(config, timeout);
}

}  // namespace terrace::cli
