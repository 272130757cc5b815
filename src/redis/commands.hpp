#pragma once
/// The commands of the tier as exchanges: one key, many keys in chunks, and the sweep by prefix.

#include <atomic>
#include <functional>
#include <terrace/tier.hpp>
#include <vector>

#include "redis/client.hpp"
#include "redis/encoding.hpp"

namespace terrace::redis {

/// What TierStats shows, counted as operations end.
struct Counters {
  std::atomic<std::uint64_t> hits{0}, misses{0}, errors{0}, writes{0}, erases{0}, write_errors{0};

  void count(const Result<Found>& outcome) noexcept { ++(!outcome ? errors : *outcome ? hits : misses); }
  void count(const Result<void>& outcome) noexcept { ++(outcome ? writes : write_errors); }
  void count(const Result<bool>& outcome) noexcept {
    if (!outcome) {
      ++write_errors;
    } else if (*outcome) {
      ++erases;
    }
  }
};

/// What exchanges share with their tier, and keep alive.
struct Shared {
  explicit Shared(std::shared_ptr<Client> c)
      : client(std::move(c)), encoding(client->options(), client->clock()) {}

  std::shared_ptr<Client> client;
  Encoding encoding;
  Counters counters;
};

/// One node of the replies to the commands of one key. An error stays; else the last reply counts.
///  - Found: GET, or a script that returns a value or nil
///  - void: the transaction of a SET (+OK, +QUEUED …, the array of EXEC), or a script
///  - bool: one UNLINK or several, the last of which tells; or a script that returns a number
void decode(const Node& node, std::string_view server, Result<Found>& outcome);
void decode(const Node& node, std::string_view server, Result<void>& outcome);
void decode(const Node& node, std::string_view server, Result<bool>& outcome);

Error unexpected_reply(std::string_view server);

/// One key. `T` is what the handler gets: Found, void or bool.
template <class T>
class Single final : public Exchange {
 public:
  Single(std::shared_ptr<Shared> shared, std::size_t commands, Handler<Result<T>> done)
      : shared_(std::move(shared)), done_(std::move(done)) {
    replies = commands;
  }

  void on_node(std::size_t, const Node& reply) override { decode(reply, shared_->client->label(), outcome_); }
  void on_end(const Error* failure) override {
    if (failure != nullptr) outcome_ = *failure;
    shared_->counters.count(outcome_);
    done_(std::move(outcome_));
  }

 private:
  std::shared_ptr<Shared> shared_;
  Handler<Result<T>> done_;
  Result<T> outcome_;
};

/// Many keys: chunks that are sent one after the other, each in one round trip, so that a large bulk neither
/// holds other operations up nor fills the memory twice.
template <class T>
class Bulk final : public std::enable_shared_from_this<Bulk<T>> {
 public:
  static constexpr std::size_t chunk_keys = 1000;
  static constexpr std::size_t chunk_bytes = 1 << 20;

  Bulk(std::shared_ptr<Shared> shared, std::size_t keys, TimePoint deadline,
       Handler<std::vector<Result<T>>> done)
      : shared_(std::move(shared)), outcomes_(keys), deadline_(deadline), done_(std::move(done)) {}

  /// The outcome of a key that is not asked for.
  void refuse(std::size_t position, Error why) { outcomes_[position] = std::move(why); }

  /// Where to encode the commands, that many, for the key at this position.
  std::string& add(std::size_t position, std::size_t commands) {
    if (chunks_.empty() || chunks_.back().keys >= chunk_keys ||
        chunks_.back().payload.size() >= chunk_bytes) {
      chunks_.emplace_back();
    }
    Chunk& chunk = chunks_.back();
    ++chunk.keys;
    chunk.positions.insert(chunk.positions.end(), commands, position);
    return chunk.payload;
  }

  void start() { next(nullptr); }

 private:
  struct Chunk {
    std::string payload;
    std::size_t keys = 0;
    std::vector<std::size_t> positions;  // of the key of each command
  };
  class Part;

  void next(const Error* failure);
  void finish() {
    for (const auto& outcome : outcomes_) shared_->counters.count(outcome);
    done_(std::move(outcomes_));
  }

  std::shared_ptr<Shared> shared_;
  std::vector<Result<T>> outcomes_;
  TimePoint deadline_;
  Handler<std::vector<Result<T>>> done_;
  std::vector<Chunk> chunks_;
  std::size_t sent_ = 0;
};

template <class T>
class Bulk<T>::Part final : public Exchange {
 public:
  Part(std::shared_ptr<Bulk> bulk, Chunk chunk)
      : bulk_(std::move(bulk)), positions_(std::move(chunk.positions)), answered_(0) {
    payload = std::move(chunk.payload);
    replies = positions_.size();
    deadline = bulk_->deadline_;
  }

  void on_node(std::size_t index, const Node& reply) override {
    decode(reply, bulk_->shared_->client->label(), bulk_->outcomes_[positions_[index]]);
    answered_ = index + 1;
  }
  void on_end(const Error* failure) override {
    if (failure != nullptr) {
      for (auto i = answered_; i < positions_.size(); ++i) bulk_->outcomes_[positions_[i]] = *failure;
    }
    bulk_->next(failure);
  }

 private:
  std::shared_ptr<Bulk> bulk_;
  std::vector<std::size_t> positions_;
  std::size_t answered_;
};

/// After a failure the rest is not sent: it would only fail the same way.
template <class T>
void Bulk<T>::next(const Error* failure) {
  if (failure != nullptr) {
    const Error rest =
        *failure == Errc::io_error ? Error(Errc::unavailable, "not sent; " + failure->context) : *failure;
    for (; sent_ < chunks_.size(); ++sent_) {
      for (const auto position : chunks_[sent_].positions) outcomes_[position] = rest;
    }
  }
  if (sent_ == chunks_.size()) return finish();
  shared_->client->submit(std::make_unique<Part>(this->shared_from_this(), std::move(chunks_[sent_++])));
}

/// Removes every key that begins with the prefix and whose rest matches the pattern, with leases and
/// versions: SCAN from cursor to cursor, the keys of each step removed together with the next SCAN. Other
/// operations travel in between.
void start_sweep(std::shared_ptr<Shared> shared, std::string prefix, std::string pattern, TimePoint deadline,
                 Handler<Result<std::uint64_t>> done);

}  // namespace terrace::redis
