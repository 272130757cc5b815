#include "database/postgres_operations.hpp"

namespace terrace::postgres {
namespace {

const Bytes& indexed(const Item& item) {
  return item.key.indexed;
}

std::size_t bytes_of(const Item& item) {
  return item.key.indexed.size() + item.key.whole.size() + item.value.size() +
         (item.expected ? item.expected->size() : 0);
}

std::string keys_of(const Items& items) {
  Array keys(Array::Of::bytea, items.size());
  for (const Item& item : items) keys.add(item.key.indexed);
  return std::move(keys).take();
}

/// The item with this key; null: the server returned a key that was not requested.
const Item* find(const Items& items, std::string_view key) {
  const auto at = std::ranges::lower_bound(items, key, {}, indexed);
  return at != items.end() && at->key.indexed == key ? &*at : nullptr;
}

}  // namespace

// ---- Bulk

template <class T>
class Bulk<T>::Chunk final : public Exchange {
 public:
  Chunk(std::shared_ptr<Bulk> bulk, Items items)
      : Exchange(bulk->deadline_), bulk_(std::move(bulk)), items_(std::move(items)) {
    for (const Item& item : items_) bytes_ += bytes_of(item);
  }

  [[nodiscard]] const char* statement() const override { return bulk_->statement(); }
  [[nodiscard]] Parameters parameters() const override { return bulk_->parameters(items_); }
  [[nodiscard]] std::size_t bytes() const override { return bytes_; }
  [[nodiscard]] std::uint64_t reply_limit() const override {
    std::uint64_t limit = 0;
    for (const Item& item : items_) limit += item.key.indexed.size() + bulk_->value_limit() + row_bytes;
    return limit;
  }
  void on_rows(const PGresult& rows) override { bulk_->take(rows, items_); }
  void on_end(const Error* failure) override {
    if (failure == nullptr) return bulk_->next();
    const auto bulk = std::move(bulk_);
    bulk->chunk_failed(std::move(items_), *failure);
  }

 private:
  std::shared_ptr<Bulk> bulk_;
  Items items_;
  std::size_t bytes_ = 0;
};

template <class T>
void Bulk<T>::start() {
  std::ranges::stable_sort(items_, {}, indexed);
  while (!items_.empty()) cut();
  next();
}

/// Moves every key once from the items into chunks.
template <class T>
void Bulk<T>::cut() {
  Items repeated;
  std::size_t bytes = chunk_bytes;  // of the last chunk, which is full
  const Bytes* last = nullptr;
  for (Item& item : items_) {
    if (last != nullptr && *last == item.key.indexed) {
      repeated.push_back(std::move(item));
      continue;
    }
    if (bytes >= chunk_bytes || chunks_.back().size() >= chunk_keys) {
      chunks_.emplace_back();
      bytes = 0;
    }
    bytes += bytes_of(item);
    chunks_.back().push_back(std::move(item));
    last = &chunks_.back().back().key.indexed;
  }
  items_ = std::move(repeated);
}

template <class T>
void Bulk<T>::next() {
  if (chunks_.empty()) return finish();
  Items items = std::move(chunks_.front());
  chunks_.pop_front();
  shared_->client->submit(std::make_unique<Chunk>(this->shared_from_this(), std::move(items)));
}

/// A row that the table does not accept undoes its whole chunk; then each item is tried alone. After any
/// other failure the rest is not sent: it would fail in the same way.
template <class T>
void Bulk<T>::chunk_failed(Items items, const Error& why) {
  if (why == Errc::invalid_argument && items.size() > 1) {
    for (auto item = items.rbegin(); item != items.rend(); ++item) {
      chunks_.emplace_front();
      chunks_.front().push_back(std::move(*item));
    }
    return next();
  }
  for (const Item& item : items) outcome(item) = why;
  if (why == Errc::invalid_argument) return next();
  const Error rest = why == Errc::io_error ? Error(Errc::unavailable, "not sent; " + why.context) : why;
  for (const Items& unsent : std::exchange(chunks_, {})) {
    for (const Item& item : unsent) outcome(item) = rest;
  }
  finish();
}

template <class T>
void Bulk<T>::finish() {
  count(shared_->counters, outcomes_);
  done_(std::move(outcomes_));
}

template class Bulk<Found>;
template class Bulk<void>;
template class Bulk<bool>;

// ---- Gets

Parameters Gets::parameters(const Items& items) const {
  return {keys_of(items)};
}

void Gets::take(const PGresult& rows, const Items& items) {
  for (int row = 0; row < PQntuples(&rows); ++row) {
    const Item* const item = find(items, bytes_at(rows, row, 0));
    if (item == nullptr) continue;
    const bool whole = PQgetisnull(&rows, row, 1) == 0;
    // The statement returns no longer ones; a server may.
    if (const auto value = bytes_at(rows, row, 1); whole && value.size() <= value_limit()) {
      outcome(*item) = Bytes(value);
    } else {
      outcome(*item) = Error(Errc::value_too_large, "postgres: the stored value is over max_value_bytes");
    }
  }
}

// ---- Sets

namespace {

std::string whole_keys_of(const Items& items) {
  Array keys(Array::Of::bytea, items.size());
  for (const Item& item : items) item.key.whole.empty() ? keys.add_null() : keys.add(item.key.whole);
  return std::move(keys).take();
}

std::string values_of(const Items& items) {
  Array values(Array::Of::bytea, items.size());
  for (const Item& item : items) values.add(item.value);
  return std::move(values).take();
}

std::string lives_of(const Items& items) {
  Array lives(Array::Of::int8, items.size());
  for (const Item& item : items) item.life_ms ? lives.add(*item.life_ms) : lives.add_null();
  return std::move(lives).take();
}

}  // namespace

Parameters Sets::parameters(const Items& items) const {
  Array versions(Array::Of::int8, items.size());
  for (const Item& item : items) versions.add(static_cast<std::int64_t>(item.version));
  return {keys_of(items), whole_keys_of(items), values_of(items), lives_of(items),
          std::move(versions).take()};
}

/// No rows: a successful set, and a set that came too late, are both a success.
void Sets::take(const PGresult&, const Items&) {}

// ---- Swaps

Parameters Swaps::parameters(const Items& items) const {
  Array expected(Array::Of::bytea, items.size());
  for (const Item& item : items) item.expected ? expected.add(*item.expected) : expected.add_null();
  return {keys_of(items), whole_keys_of(items), std::move(expected).take(), values_of(items),
          lives_of(items)};
}

void Swaps::take(const PGresult& rows, const Items& items) {
  for (int row = 0; row < PQntuples(&rows); ++row) {
    const Item* const item = find(items, bytes_at(rows, row, 0));
    if (item != nullptr) outcome(*item) = true;
  }
}

// ---- Erases

Parameters Erases::parameters(const Items& items) const {
  return {keys_of(items)};
}

void Erases::take(const PGresult& rows, const Items& items) {
  for (int row = 0; row < PQntuples(&rows); ++row) {
    const Item* const item = find(items, bytes_at(rows, row, 0));
    if (item != nullptr) outcome(*item) = bytes_at(rows, row, 1) == std::string_view("\1", 1);
  }
}

}  // namespace terrace::postgres
