// The SQLite and PostgreSQL tiers, blocking gets and sets of 64-byte values by 1 and by 16 threads;
// PostgreSQL against raw libpq with a connection for each thread, in turns in one run, against a server of
// its own. bench_database [--quick]
#include <libpq-fe.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <stdexcept>
#include <terrace/postgres.hpp>
#include <terrace/sqlite.hpp>
#include <thread>

#include "support/postgres_server.hpp"

namespace {

using namespace terrace;
using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

constexpr unsigned keys = 1000;
const std::string value(64, 'v');

std::string key_of(unsigned i) {
  return "key:" + std::to_string(i % keys);
}

[[noreturn]] void fail(const std::string& why) {
  throw std::runtime_error(why);
}

using Operation = std::function<void(const std::string& key)>;

/// A blocking call, as a cache makes it.
template <class T, class Start>
void wait_for(Start start) {
  struct Call {
    Latch latch;
    Result<T> outcome;
  };
  const auto call = std::make_shared<Call>();
  start([call](Result<T> outcome) {
    call->outcome = std::move(outcome);
    call->latch.open();
  });
  Runtime::common()->wait(call->latch, no_deadline);
  if (!call->outcome) fail(call->outcome.error().message());
}

Operation get(Tier& tier) {
  return [&tier](const std::string& key) {
    wait_for<Found>([&](auto done) { tier.get(key, after(system_clock().now(), 5s), std::move(done)); });
  };
}

Operation set(Tier& tier) {
  return [&tier](const std::string& key) {
    wait_for<void>(
        [&](auto done) { tier.set(key, value, 1h, after(system_clock().now(), 5s), std::move(done)); });
  };
}

/// One statement over a connection of its own: with the text each time (PQexecParams), or prepared.
class Raw {
 public:
  Raw(const std::string& url, const char* sql, bool prepared)
      : connection_(PQconnectdb(url.c_str()), PQfinish), sql_(sql), prepared_(prepared) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) fail(PQerrorMessage(connection_.get()));
    PQclear(PQprepare(connection_.get(), "statement", sql, 0, nullptr));
  }

  void operator()(const std::string& key) const {
    const char* const values[] = {key.data(), value.data()};
    const int lengths[] = {static_cast<int>(key.size()), static_cast<int>(value.size())};
    const int binary[] = {1, 1};
    const int count = std::strchr(sql_, '2') != nullptr ? 2 : 1;
    PGresult* const result =
        prepared_ ? PQexecPrepared(connection_.get(), "statement", count, values, lengths, binary, 1)
                  : PQexecParams(connection_.get(), sql_, count, nullptr, values, lengths, binary, 1);
    const auto status = PQresultStatus(result);
    PQclear(result);
    if (status == PGRES_FATAL_ERROR) fail(PQerrorMessage(connection_.get()));
  }

 private:
  std::shared_ptr<PGconn> connection_;
  const char* sql_;
  bool prepared_;
};

constexpr const char* raw_get =
    "SELECT value FROM terrace_cache WHERE key = $1::bytea AND (expires IS NULL OR expires > now())";
constexpr const char* raw_set =
    "INSERT INTO terrace_cache (key, value, expires, version) VALUES ($1::bytea, $2::bytea, now() + interval "
    "'1 hour', "
    "0) ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires, version = 0";

/// Operations per second of that many threads; `make` gives each its own.
double rate(unsigned threads, Duration time, const std::function<Operation()>& make) {
  std::atomic<bool> go{false}, stop{false};
  std::atomic<std::uint64_t> total{0};
  std::vector<std::jthread> workers;
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&, t, operation = make()] {
      for (unsigned i = 0; i < 20; ++i) operation(key_of(t + i));  // connections, plans
      go.wait(false);
      std::uint64_t count = 0;
      for (unsigned i = t * 37; !stop; ++i, ++count) operation(key_of(i));
      total += count;
    });
  }
  const auto begin = std::chrono::steady_clock::now();
  go = true;
  go.notify_all();
  std::this_thread::sleep_for(time);
  stop = true;
  workers.clear();
  return static_cast<double>(total) / Seconds(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  const testing::TempDir folder;
  const auto sqlite = make_sqlite_tier({.path = folder.file("cache.db")});
  std::map<std::string, std::function<Operation()>> contestants{
      {"sqlite get", [&] { return get(*sqlite); }},
      {"sqlite set", [&] { return set(*sqlite); }},
  };
  for (unsigned i = 0; i < keys; ++i) set (*sqlite)(key_of(i));

  std::unique_ptr<testing::PostgresServer> server;
  std::shared_ptr<PostgresTier> postgres;
  if (testing::PostgresServer::available()) {
    server = std::make_unique<testing::PostgresServer>();
    postgres = make_postgres_tier({.url = server->url()});
    for (unsigned i = 0; i < keys; ++i) set (*postgres)(key_of(i));
    contestants["postgres get"] = [&] { return get(*postgres); };
    contestants["postgres set"] = [&] { return set(*postgres); };
    const std::pair<const char*, const char*> statements[] = {{"get", raw_get}, {"set", raw_set}};
    for (const auto& [name, sql] : statements) {
      for (const bool prepared : {false, true}) {
        const std::string label =
            std::string("postgres ") + name + (prepared ? ", libpq prepared" : ", libpq text");
        contestants[label] = [&server, sql = sql, prepared] { return Raw(server->url(), sql, prepared); };
      }
    }
  } else {
    std::puts("PostgreSQL is left out: no initdb in PATH or /usr/lib/postgresql");
  }

  for (const unsigned threads : {1U, 16U}) {
    std::map<std::string, std::vector<double>> rates;
    for (int round = 0; round < (quick ? 1 : 7); ++round) {
      for (const auto& [name, make] : contestants)
        rates[name].push_back(rate(threads, quick ? 50ms : 500ms, make));
    }
    for (const auto& [name, each] : rates)
      std::printf("%2u threads  %-30s %9.0f /s\n", threads, name.c_str(), median(each));
  }
}
