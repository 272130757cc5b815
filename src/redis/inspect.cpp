#include "redis/inspect.hpp"

#include <charconv>

#include "redis/client.hpp"
#include "redis/server_error.hpp"
#include "redis/socket_network.hpp"

namespace terrace::redis {
namespace {

class Inspection final : public Exchange {
 public:
  Inspection(std::shared_ptr<Runtime> runtime, std::shared_ptr<Client> client,
             Handler<Result<ServerReport>> done)
      : runtime_(std::move(runtime)), client_(std::move(client)), done_(std::move(done)) {
    add_command(payload, {"INFO", "server"});
    add_command(payload, {"INFO", "memory"});
    replies = 2;
    reads = true;
  }

  void on_node(std::size_t, const Node& reply) override {
    if (is_error(reply)) {
      refused_ = server_error(reply.value, client_->label());
    } else {
      told_ += reply.value;
    }
  }

  void on_end(const Error* failure) override {
    Result<ServerReport> outcome = report();
    if (failure != nullptr || refused_) outcome = failure != nullptr ? *failure : *refused_;
    runtime_->post([client = client_, done = std::move(done_), outcome = std::move(outcome)]() mutable {
      client->shut_down();
      done(std::move(outcome));
    });
  }

 private:
  [[nodiscard]] ServerReport report() const {
    ServerReport report{std::string(info_field(told_, "valkey_version")), false,
                        std::string(info_field(told_, "maxmemory_policy"))};
    report.is_valkey = !report.version.empty();
    if (!report.is_valkey) report.version = info_field(told_, "redis_version");
    const auto limit = info_field(told_, "maxmemory");
    std::from_chars(limit.data(), limit.data() + limit.size(), report.maxmemory);
    std::int64_t time_us = 0;
    const auto time = info_field(told_, "server_time_usec");
    if (std::from_chars(time.data(), time.data() + time.size(), time_us).ec == std::errc{})
      report.time = WallTime(std::chrono::milliseconds(time_us / 1000));
    return report;
  }

  const std::shared_ptr<Runtime> runtime_;
  const std::shared_ptr<Client> client_;
  Handler<Result<ServerReport>> done_;
  std::string told_;
  std::optional<Error> refused_;
};

}  // namespace

void inspect(const std::shared_ptr<Runtime>& runtime, RedisOptions options, TimePoint deadline,
             Handler<Result<ServerReport>> done) {
  RedisUrl url = parse_redis_url(options.url);
  const auto client = std::make_shared<Client>(outside_of(*runtime), std::move(options), std::move(url),
                                               Client::Manner::cluster_node);
  client->start();
  auto inspection = std::make_unique<Inspection>(runtime, client, std::move(done));
  inspection->deadline = deadline;
  client->submit(std::move(inspection));
}

}  // namespace terrace::redis
