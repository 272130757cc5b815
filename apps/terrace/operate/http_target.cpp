#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <future>

#include "operate/target.hpp"
#include "runtime/io_context.hpp"
#include "service/text_json.hpp"
#include "upkeep/http_exchange.hpp"
#include "usage_error.hpp"

namespace terrace::cli {

namespace json = boost::json;
namespace {

using service::AdminOperation;

constexpr std::size_t max_body = std::size_t{64} << 20U;
constexpr std::size_t max_target = 4096;            // the server takes 16 KiB with all headers
constexpr std::size_t max_batch_bytes = 1U << 20U;  // of keys in one request; the server takes 8 MiB
/// Longer than the cache's own limit, so that the server tells of that itself.
constexpr Duration slack = std::chrono::seconds(5);
/// The program that serves bounds each key; a run of them may take long.
constexpr Duration warm_timeout = std::chrono::hours(1);

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= 'a' && byte <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += {'%', hex[byte >> 4], hex[byte & 15]};
    }
  }
  return out;
}

/// What comes before "/api".
std::string base_of(const std::string& target) {
  const auto end = target.find_last_not_of('/');
  return end == std::string::npos ? std::string() : target.substr(0, end + 1);
}

upkeep::HttpUrl url_of(const std::string& text) {
  try {
    auto url = upkeep::parse_http_url(text);
    if (url.target.find('?') == std::string::npos) return url;
  } catch (const ConfigError&) {  // speaks of webhooks
  }
  throw UsageError("--server is no URL such as http://127.0.0.1:9390 or https://cache.example:9390");
}

std::string string_of(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  return value != nullptr ? service::bytes_of(*value).value_or(json::serialize(*value)) : std::string();
}

/// Adds up the reports of batches.
class Totals {
 public:
  explicit Totals(const WarmCall& call) : call_(call), begun_(system_clock().now()) {
    progress_.total = call.keys.size();
  }

  void add(json::object&& report) {
    for (const auto& [name, count] : fields()) {
      const json::value* const told = report.if_contains(name);
      if (told != nullptr && told->is_number()) *count += told->to_number<std::uint64_t>();
    }
    if (auto* const failures = report.contains("failures") ? report["failures"].if_array() : nullptr) {
      for (json::value& failure : *failures) {
        if (failures_.size() < WarmerOptions().max_failures) failures_.push_back(std::move(failure));
      }
    }
    show();
  }

  json::object end() {
    progress_.skipped += progress_.total - progress_.ended();
    show();
    json::object out{{"cache", call_.cache}, {"total", progress_.total}};
    for (const auto& [name, count] : fields()) out[name] = *count;
    out["elapsed_s"] = std::chrono::duration<double>(progress_.elapsed).count();
    out["failures"] = std::move(failures_);
    return out;
  }

 private:
  using Field = std::pair<const char*, std::uint64_t*>;
  [[nodiscard]] std::array<Field, 5> fields() {
    return {Field{"warmed", &progress_.warmed}, Field{"present", &progress_.present},
            Field{"absent", &progress_.absent}, Field{"failed", &progress_.failed},
            Field{"skipped", &progress_.skipped}};
  }
  void show() {
    progress_.elapsed = system_clock().now() - begun_;
    if (call_.progress) call_.progress(progress_);
  }

  const WarmCall& call_;
  const TimePoint begun_;
  WarmProgress progress_;
  json::array failures_;
};

class HttpTarget final : public Target {
 public:
  explicit HttpTarget(const ServerAddress& address)
      : timeout_(address.timeout),
        peer_(std::make_shared<upkeep::HttpPeer>(url_of(address.url), "--ca", address.ca_file)),
        base_(base_of(peer_->url.target)) {
    if (!address.token.empty()) headers_.emplace_back("Authorization", "Bearer " + address.token);
  }

  [[nodiscard]] std::string label() const override { return peer_->url.label(); }

  Answer stats(const std::optional<std::string>& cache) override {
    return ask("GET", cache ? place(*cache, "") : "/api/v1/stats", {}, timeout_ + slack);
  }

  Answer run(AdminOperation operation, const std::string& cache, json::object arguments) override {
    const bool is_explain = operation == AdminOperation::explain;
    if (!is_explain)
      arguments["timeout"] = fmt::format("{:.3f}s", std::chrono::duration<double>(timeout_).count());
    const bool of_entry = operation == AdminOperation::get || operation == AdminOperation::set ||
                          operation == AdminOperation::erase;
    std::string method = operation == AdminOperation::get || is_explain ? "GET" : "POST";
    if (operation == AdminOperation::set) method = "PUT";
    if (operation == AdminOperation::erase) method = "DELETE";
    return ask(method, place(cache, of_entry ? "/entry" : "/" + std::string(to_string(operation))),
               std::move(arguments), timeout_ + slack);
  }

  /// In batches of the concurrency: no more keys are under way at the server at once.
  Answer warm(const WarmCall& call) override {
    Totals totals(call);
    auto next = call.keys.begin();
    while (next != call.keys.end() && !call.stop.stop_requested()) {
      json::array batch;
      for (std::size_t bytes = 0; next != call.keys.end() && batch.size() < call.concurrency; ++next) {
        bytes += next->size();
        if (bytes > max_batch_bytes && !batch.empty()) break;
        batch.push_back(service::text_or_bytes(*next));
      }
      Answer told = ask("POST", place(call.cache, "/warm"), {{"keys", std::move(batch)}}, warm_timeout);
      if (told.failure) return told;
      totals.add(std::move(told.body));
    }
    return {totals.end()};
  }

  Answer live() { return ask("GET", "/healthz", {}, timeout_ + slack); }

 private:
  static std::string place(const std::string& cache, const std::string& what) {
    return "/api/v1/caches/" + percent_encoded(cache) + what;
  }

  /// The key goes into the query where it fits, for proxies that drop the body of a GET.
  [[nodiscard]] upkeep::HttpRequest request(const std::string& method, const std::string& path,
                                            json::object arguments, Duration timeout) const {
    upkeep::HttpRequest out{.method = method,
                            .target = base_ + path,
                            .headers = headers_,
                            .timeout = timeout,
                            .max_body = max_body};
    if (method == "GET") {
      std::string query;
      for (const auto& [name, value] : arguments) {
        const std::string text = service::bytes_of(value).value_or(json::serialize(value));
        query += (query.empty() ? "?" : "&") + std::string(name) + "=" + percent_encoded(text);
      }
      if (query.size() < max_target) {
        out.target += query;
        return out;
      }
    }
    if (arguments.empty()) return out;
    out.content_type = "application/json";
    out.body = json::serialize(arguments);
    return out;
  }

  Answer ask(const std::string& method, const std::string& path, json::object arguments, Duration timeout) {
    const auto told = std::make_shared<std::promise<Result<upkeep::HttpReply>>>();
    auto& io = io_context(*runtime_);
    boost::asio::post(io, [&io, told, peer = peer_,
                           request = this->request(method, path, std::move(arguments), timeout)]() mutable {
      (void)upkeep::HttpExchange::start(io, std::move(peer), std::move(request),
                                        [told](auto reply) { told->set_value(std::move(reply)); });
    });
    const auto reply = told->get_future().get();
    if (!reply) throw TargetError(away(reply.error()));
    return read(*reply);
  }

  [[nodiscard]] std::string away(const Error& error) const {
    return error.context +
           "; check that `terrace serve` runs there; --server gives another address, --config uses "
           "the tiers directly";
  }

  [[nodiscard]] Answer read(const upkeep::HttpReply& reply) const {
    boost::system::error_code failed;
    json::parse_options options;
    options.max_depth = 300;
    json::value body = json::parse(reply.body, failed, {}, options);
    if (failed || !body.is_object()) {
      throw TargetError(label() + " answered " + std::to_string(reply.status) +
                        " without JSON: it is not an admin endpoint of terrace; check the address");
    }
    Answer answer{std::move(body.get_object())};
    if (reply.status < 400) return answer;
    const json::value* const error = answer.body.if_contains("error");
    if (error == nullptr || !error->is_object()) {  // readyz
      answer.failure = {"failed", label() + " answered " + std::to_string(reply.status)};
      return answer;
    }
    answer.failure = {string_of(error->get_object(), "kind"), string_of(error->get_object(), "message"),
                      reply.status < 500};
    if (reply.status == 401) {
      answer.failure->message =
          headers_.empty()
              ? "the server requires its token: give --token-file FILE, or set "
                "TERRACE_ADMIN_TOKEN"
              : "the token was rejected by " + label() +
                    ": compare --token-file or TERRACE_ADMIN_TOKEN with token under [admin] there";
    }
    return answer;
  }

  const Duration timeout_;
  const std::shared_ptr<const upkeep::HttpPeer> peer_;
  const std::string base_;
  std::vector<std::pair<std::string, std::string>> headers_;
  const std::shared_ptr<Runtime> runtime_ = Runtime::common();
};

}  // namespace

Answer ask_whether_live(const ServerAddress& address) {
  ServerAddress without = address;
  without.token.clear();
  return HttpTarget(without).live();
}

std::unique_ptr<Target> make_http_target(const ServerAddress& address) {
  return std::make_unique<HttpTarget>(address);
}

}  // namespace terrace::cli
