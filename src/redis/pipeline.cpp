#include "redis/pipeline.hpp"

#include <boost/asio/error.hpp>

#include "base/assert.hpp"

namespace terrace::redis {

Pipeline::Pipeline(std::unique_ptr<Stream> stream, std::size_t max_value_bytes, std::shared_ptr<Owner> owner,
                   const Clock& clock)
    : stream_(std::move(stream)),
      reader_(max_value_bytes),
      owner_(std::move(owner)),
      clock_(clock),
      last_progress_(clock.now()),
      last_received_(last_progress_) {}

/// Small payloads share one write; a large one is written by itself, without a copy.
void Pipeline::add_segment(std::string payload) {
  constexpr std::size_t large = 16 * 1024;
  if (segments_.empty() || segments_.back().size() >= large || payload.size() >= large) {
    segments_.push_back(std::move(payload));
  } else {
    segments_.back() += payload;
  }
}

void Pipeline::send(Batch batch) {
  TERRACE_ASSERT(!closed_);
  if (line_.empty()) last_progress_ = clock_.now();
  for (auto& exchange : batch) {
    TERRACE_ASSERT(exchange && exchange->replies > 0);
    if (exchange->keeps_payload) {
      add_segment(exchange->payload);
    } else {
      add_segment(std::move(exchange->payload));
      exchange->payload = {};
    }
    exchange->ticket = first_ticket_ + line_.size();
    exchange->sent = true;
    const std::size_t replies = exchange->replies;
    line_.push_back({std::move(exchange), 0, replies});
  }
  write_more();
}

void Pipeline::wrote(std::size_t bytes) {
  TERRACE_ASSERT(segment_ < segments_.size() && bytes <= segments_[segment_].size() - offset_);
  offset_ += bytes;
  if (offset_ == segments_[segment_].size()) {
    ++segment_;
    offset_ = 0;
  }
  if (segment_ == segments_.size()) {
    segments_.clear();
    segment_ = 0;
  }
}

/// Writes as much as is possible without waiting; true if that was everything.
bool Pipeline::write_ready() {
  while (!segments_.empty()) {
    const std::size_t n = stream_->write_now(std::string_view(segments_[segment_]).substr(offset_));
    if (n == 0) return false;
    wrote(n);
  }
  return true;
}

void Pipeline::write_more() {
  if (write_ready()) return;
  stream_->write_some(std::string_view(segments_[segment_]).substr(offset_), shared_from_this());
}

void Pipeline::on_written(const ErrorCode& ec, std::size_t size) {
  if (closed_) return;
  if (ec) return lose(ec.message());
  wrote(size);
  if (!segments_.empty()) {
    last_progress_ = clock_.now();
    write_more();
  }
  if (segments_.empty()) owner_->on_writable();
}

void Pipeline::read_more() {
  stream_->read_some(reader_.space(), shared_from_this());
}

void Pipeline::on_read(const ErrorCode& ec, std::size_t size) {
  if (closed_) return;
  if (ec == boost::asio::error::eof) return lose("closed by the server");
  if (ec) return lose(ec.message());
  last_progress_ = last_received_ = clock_.now();
  reader_.commit(size);
  take_replies();
  if (!closed_) read_more();
}

void Pipeline::take_replies() {
  ReplyReader::Item item;
  while (!closed_) {
    const auto step = reader_.next(item);
    if (step == ReplyReader::Step::need_more) return;
    if (step == ReplyReader::Step::broken) return lose(reader_.why_broken());
    if (item.push) {
      owner_->on_push(item.node, item.last);
    } else if (line_.empty()) {
      lose("it sent a reply to nothing");
    } else {
      take_node(item);
    }
  }
}

void Pipeline::take_node(const ReplyReader::Item& item) {
  Place& place = line_.front();
  TERRACE_ASSERT(place.answered < place.replies);
  if (place.exchange) place.exchange->on_node(place.answered, item.node);
  if (!item.last || ++place.answered < place.replies) return;
  auto exchange = std::move(place.exchange);
  line_.pop_front();
  ++first_ticket_;
  if (exchange) {
    owner_->on_answered(std::move(exchange));
  } else {
    TERRACE_ASSERT(given_up_ > 0);
    --given_up_;
  }
  if (!closed_ && line_.empty()) owner_->on_idle();
}

std::unique_ptr<Exchange> Pipeline::give_up(std::uint64_t ticket) {
  TERRACE_ASSERT(ticket >= first_ticket_ && ticket - first_ticket_ < line_.size());
  ++given_up_;
  auto exchange = std::move(line_[ticket - first_ticket_].exchange);
  TERRACE_ASSERT(exchange && exchange->ticket == ticket);
  return exchange;
}

void Pipeline::lose(const std::string& why) {
  owner_->on_lost(why);
}

Pipeline::Batch Pipeline::close() {
  closed_ = true;
  stream_->close();
  Batch unanswered;
  for (auto& place : line_) {
    if (place.exchange) unanswered.push_back(std::move(place.exchange));
  }
  line_.clear();
  return unanswered;
}

}  // namespace terrace::redis
