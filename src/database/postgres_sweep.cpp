#include <terrace/glob.hpp>

#include "database/postgres_operations.hpp"

namespace terrace::postgres {
namespace {

/// The common beginning of the indexed keys of all keys with this prefix.
std::string_view start_of(std::string_view prefix) {
  return prefix.substr(0, longest_plain_key);
}

/// One bulk delete in progress.
struct Sweep {
  std::shared_ptr<Shared> shared;
  Bytes prefix;
  Bytes pattern;
  TimePoint deadline;
  Handler<Result<std::uint64_t>> done;
  Bytes next;  // indexed keys before this one are done
  std::uint64_t erased = 0;

  void fail(const Error& why) {
    done(Error(why.code, why.context + " (" + std::to_string(erased) + " keys were erased before)"));
  }
};

void look(std::shared_ptr<Sweep> sweep);

/// Erases these keys, then looks for more.
void erase(std::shared_ptr<Sweep> sweep, const std::vector<Bytes>& keys) {
  auto done = [sweep](const std::vector<Result<bool>>& outcomes) {
    for (const auto& outcome : outcomes) {
      if (!outcome) return sweep->fail(outcome.error());
      if (*outcome) ++sweep->erased;
    }
    look(sweep);
  };
  const auto erases = std::make_shared<Erases>(sweep->shared, keys.size(), sweep->deadline, std::move(done));
  for (std::size_t i = 0; i < keys.size(); ++i) erases->add({i, RowKey(keys[i])});
  erases->start();
}

/// Reads the next keys of the bulk delete.
class Look final : public Exchange {
 public:
  explicit Look(std::shared_ptr<Sweep> sweep) : Exchange(sweep->deadline), sweep_(std::move(sweep)) {}

  [[nodiscard]] const char* statement() const override { return statement::next_keys; }
  [[nodiscard]] Parameters parameters() const override { return {sweep_->next}; }
  [[nodiscard]] std::size_t bytes() const override { return sweep_->next.size(); }
  [[nodiscard]] std::uint64_t reply_limit() const override {
    return page_keys * (2 * max_key_size + row_bytes);
  }

  void on_rows(const PGresult& rows) override {
    for (int row = 0; row < PQntuples(&rows); ++row) {
      const std::string_view indexed = bytes_at(rows, row, 0);
      if (!indexed.starts_with(start_of(sweep_->prefix))) return;
      const std::string_view key = PQgetisnull(&rows, row, 1) == 1 ? indexed : bytes_at(rows, row, 1);
      if (key.starts_with(sweep_->prefix) &&
          glob_matches(sweep_->pattern, key.substr(sweep_->prefix.size()))) {
        matching_.emplace_back(key);
      }
      sweep_->next = Bytes(indexed) + '\0';
    }
    more_ = PQntuples(&rows) == page_keys;
  }

  void on_end(const Error* failure) override {
    if (failure != nullptr) {
      sweep_->shared->counters.count_write(false);
      return sweep_->fail(*failure);
    }
    if (!matching_.empty()) return erase(std::move(sweep_), matching_);
    if (more_) return look(std::move(sweep_));
    sweep_->done(sweep_->erased);
  }

 private:
  std::shared_ptr<Sweep> sweep_;
  std::vector<Bytes> matching_;
  bool more_ = false;
};

void look(std::shared_ptr<Sweep> sweep) {
  auto& client = *sweep->shared->client;
  client.submit(std::make_unique<Look>(std::move(sweep)));
}

class Purge final : public Exchange {
 public:
  Purge(std::shared_ptr<Shared> shared, UniqueFunction<void(bool)> done)
      : Exchange(after(shared->client->clock().now(), shared->client->options().statement_timeout)),
        shared_(std::move(shared)),
        done_(std::move(done)) {}

  [[nodiscard]] const char* statement() const override { return statement::purge; }
  [[nodiscard]] Parameters parameters() const override { return {}; }
  [[nodiscard]] std::size_t bytes() const override { return 0; }
  [[nodiscard]] std::uint64_t reply_limit() const override { return page_keys * (max_key_size + row_bytes); }
  void on_rows(const PGresult& rows) override {
    shared_->purged += static_cast<std::uint64_t>(PQntuples(&rows));
    more_ = PQntuples(&rows) == page_keys;
  }
  void on_end(const Error* failure) override {
    if (failure == nullptr && more_) return start_purge(std::move(shared_), std::move(done_));
    done_(failure == nullptr || *failure != Errc::shutdown);
  }

 private:
  std::shared_ptr<Shared> shared_;
  UniqueFunction<void(bool)> done_;
  bool more_ = false;
};

}  // namespace

void start_sweep(std::shared_ptr<Shared> shared, std::string_view prefix, std::string_view pattern,
                 TimePoint deadline, Handler<Result<std::uint64_t>> done) {
  look(std::make_shared<Sweep>(Sweep{std::move(shared), Bytes(prefix), Bytes(pattern), deadline,
                                     std::move(done), Bytes(start_of(prefix))}));
}

void start_purge(std::shared_ptr<Shared> shared, UniqueFunction<void(bool)> done) {
  auto& client = *shared->client;
  client.submit(std::make_unique<Purge>(std::move(shared), std::move(done)));
}

}  // namespace terrace::postgres
