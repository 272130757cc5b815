#pragma once
/// Bulk: an operation on many keys. Keys for one server are sent in chunks, one after the other, each in one
/// round trip, so that a large operation neither delays others nor needs twice the memory. Several servers
/// are asked at the same time. A key that is redirected continues by itself.

#include <atomic>
#include <deque>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "redis/commands.hpp"

namespace terrace::redis {

/// `T` is the type of a key's result: Found, void or bool.
template <class T>
class Bulk final : public std::enable_shared_from_this<Bulk<T>> {
 public:
  static constexpr std::size_t chunk_keys = 1000;
  static constexpr std::size_t chunk_bytes = 1 << 20;

  Bulk(std::shared_ptr<TierContext> context, std::size_t keys, TimePoint deadline, bool reads,
       Handler<std::vector<Result<T>>> done)
      : context_(std::move(context)),
        outcomes_(keys),
        deadline_(deadline),
        reads_(reads),
        done_(std::move(done)) {}

  /// Sets the outcome of a key that is not sent.
  void refuse(std::size_t position, Error why) { outcomes_[position] = std::move(why); }

  /// Where to encode that many commands for the key at this position.
  std::string& add(std::size_t position, std::size_t commands, Slot slot) {
    auto& chunks = lane(slot).chunks;
    if (chunks.empty() || chunks.back().items.size() >= chunk_keys ||
        chunks.back().payload.size() >= chunk_bytes) {
      chunks.emplace_back();
    }
    Chunk& chunk = chunks.back();
    chunk.items.push_back({position, slot, chunk.payload.size(), chunk.commands, commands});
    chunk.commands += commands;
    return chunk.payload;
  }

  void start() {
    TERRACE_ASSERT(left_ == 0 && done_);  // it starts once
    left_ = lanes_.size();
    if (lanes_.empty()) return finish();
    for (Lane& each : lanes_) next(each, nullptr);
  }

 private:
  struct Item {
    std::size_t position;
    Slot slot;
    std::size_t offset;  // of its commands in the payload
    std::size_t first;   // of its commands in the chunk
    std::size_t commands;
  };
  struct Chunk {
    std::string payload;
    std::size_t commands = 0;
    std::vector<Item> items;
  };
  /// The items for one server; without a client: the server is unknown yet.
  struct Lane {
    explicit Lane(std::shared_ptr<Client> to) : client(std::move(to)) {}
    std::shared_ptr<Client> client;
    std::vector<Chunk> chunks = {};
    std::size_t sent = 0;
    std::atomic<std::size_t> pieces{0};  // items that are sent separately
  };
  class Part;
  class Piece;

  Lane& lane(Slot slot) {
    auto client = context_->backend->client_of(slot, reads_);
    for (Lane& each : lanes_) {
      if (each.client == client) return each;
    }
    return lanes_.emplace_back(std::move(client));
  }
  void next(Lane& lane, const Error* failure);
  void send_piece(Lane& lane, const Item& item, std::string commands, const Redirect* redirect);
  void piece_ended(Lane& lane) {
    const auto on_their_way = lane.pieces.fetch_sub(1);
    TERRACE_ASSERT(on_their_way > 0);
    if (on_their_way == 1) next(lane, nullptr);
  }
  void finish() {
    TERRACE_ASSERT(left_ == 0 && done_);  // every lane has ended, and nothing was answered yet
    context_->counters.count(outcomes_);
    std::exchange(done_, nullptr)(std::move(outcomes_));
  }

  std::shared_ptr<TierContext> context_;
  std::vector<Result<T>> outcomes_;
  TimePoint deadline_;
  const bool reads_;
  Handler<std::vector<Result<T>>> done_;
  std::deque<Lane> lanes_;
  std::atomic<std::size_t> left_{0};
};

/// A chunk that was sent.
template <class T>
class Bulk<T>::Part final : public Exchange {
 public:
  Part(std::shared_ptr<Bulk> bulk, Lane& lane, Chunk chunk)
      : bulk_(std::move(bulk)), lane_(lane), items_(std::move(chunk.items)) {
    payload = std::move(chunk.payload);
    replies = chunk.commands;
    deadline = bulk_->deadline_;
    reads = bulk_->reads_;
    keeps_payload = !reads || bulk_->context_->encoding.naming() == Naming::cluster;
  }

  void on_node(std::size_t index, const Node& reply) override {
    TERRACE_ASSERT(index < replies);
    while (index >= items_[at_].first + items_[at_].commands) ++at_;
    TERRACE_ASSERT(at_ < items_.size());
    const Item& item = items_[at_];
    const bool last = index + 1 == item.first + item.commands;
    answered_ = last ? at_ + 1 : at_;
    if (is_error(reply) && reply.depth == 0) {
      if (is_elsewhere()) return;  // a consequence of the redirect
      const auto redirect = Redirect::parse(reply.value);
      if (redirect && bulk_->context_->backend->follows(*redirect)) {
        elsewhere_.emplace_back(at_, *redirect);
        return;
      }
    }
    if (last || is_error(reply)) {
      decode(reply, bulk_->context_->backend->label(), bulk_->outcomes_[item.position]);
    }
  }

  void on_end(const Error* failure) override {
    TERRACE_ASSERT(failure != nullptr || answered_ == items_.size());
    const bool again = failure != nullptr && bulk_->context_->backend->retries(*this, *failure);
    if (failure != nullptr && !again) {
      if (is_elsewhere()) answered_ = at_ + 1;
      for (auto i = answered_; i < items_.size(); ++i) bulk_->outcomes_[items_[i].position] = *failure;
    }
    if (elsewhere_.empty() && !again) return bulk_->next(lane_, failure);
    ask_again(again);
  }

  /// Sends the redirected items again, and the unanswered ones, each separately.
  void ask_again(bool unanswered) {
    lane_.pieces = 1;  // counts this one, so that they do not all end before the last has begun
    for (const auto& [i, redirect] : elsewhere_) send(i, &redirect);
    for (auto i = answered_; unanswered && i < items_.size(); ++i) {
      if (elsewhere_.empty() || elsewhere_.back().first != i) send(i, nullptr);
    }
    bulk_->piece_ended(lane_);
  }

 private:
  [[nodiscard]] bool is_elsewhere() const { return !elsewhere_.empty() && elsewhere_.back().first == at_; }
  void send(std::size_t i, const Redirect* redirect) {
    const auto end = i + 1 < items_.size() ? items_[i + 1].offset : payload.size();
    bulk_->send_piece(lane_, items_[i], payload.substr(items_[i].offset, end - items_[i].offset), redirect);
  }

  std::shared_ptr<Bulk> bulk_;
  Lane& lane_;
  std::vector<Item> items_;
  std::size_t at_ = 0;        // the item whose replies are arriving
  std::size_t answered_ = 0;  // number of items
  std::vector<std::pair<std::size_t, Redirect>> elsewhere_;
};

/// One key, sent separately.
template <class T>
class Bulk<T>::Piece final : public Exchange {
 public:
  Piece(std::shared_ptr<Bulk> bulk, Lane& lane, const Item& item, std::string commands)
      : bulk_(std::move(bulk)), lane_(lane), outcome_(bulk_->outcomes_[item.position]) {
    payload = std::move(commands);
    replies = item.commands;
    deadline = bulk_->deadline_;
    slot = item.slot;
    reads = bulk_->reads_;
  }

  void on_node(std::size_t index, const Node& reply) override {
    if (index + 1 == replies || is_error(reply)) decode(reply, bulk_->context_->backend->label(), outcome_);
  }
  void on_end(const Error* failure) override {
    if (failure != nullptr) outcome_ = *failure;
    bulk_->piece_ended(lane_);
  }

 private:
  std::shared_ptr<Bulk> bulk_;
  Lane& lane_;
  Result<T>& outcome_;
};

template <class T>
void Bulk<T>::send_piece(Lane& lane, const Item& item, std::string commands, const Redirect* redirect) {
  ++lane.pieces;
  auto piece = std::make_unique<Piece>(this->shared_from_this(), lane, item, std::move(commands));
  if (redirect != nullptr) return context_->backend->submit_again(std::move(piece), *redirect, lane.client);
  context_->backend->submit(std::move(piece));
}

/// After a failure the rest of the lane is not sent: it would fail in the same way.
template <class T>
void Bulk<T>::next(Lane& lane, const Error* failure) {
  TERRACE_ASSERT(left_ > 0 && lane.sent <= lane.chunks.size() && lane.pieces == 0);
  if (failure != nullptr) {
    const Error rest =
        *failure == Errc::io_error ? Error(Errc::unavailable, "not sent; " + failure->context) : *failure;
    for (; lane.sent < lane.chunks.size(); ++lane.sent) {
      for (const Item& item : lane.chunks[lane.sent].items) outcomes_[item.position] = rest;
    }
  }
  if (lane.sent == lane.chunks.size()) {
    if (--left_ == 0) finish();
    return;
  }
  Chunk chunk = std::move(lane.chunks[lane.sent++]);
  auto part = std::make_unique<Part>(this->shared_from_this(), lane, std::move(chunk));
  if (lane.client) return lane.client->submit(std::move(part));
  part->ask_again(true);
}

}  // namespace terrace::redis
