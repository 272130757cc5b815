#include "database/postgres_pipeline.hpp"

#include "base/assert.hpp"
#include "database/postgres_received.hpp"

namespace terrace::postgres {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

namespace {

constexpr Duration stall_limit = std::chrono::seconds(1);
/// What a server may send besides: heads of messages, errors and notices; TLS takes up to a sixteenth.
constexpr std::uint64_t overhead = 1 << 20;

}  // namespace

Pipeline::Pipeline(asio::io_context& io, const Clock& clock, Session session, std::string label,
                   std::weak_ptr<Owner> owner)
    : clock_(clock),
      label_(std::move(label)),
      owner_(std::move(owner)),
      since_(clock.now()),
      session_(std::move(session)),
      socket_(io, PQsocket(session_.get())),
      stall_timer_(io) {}

void Pipeline::start() {
  received_ = received_bytes(PQsocket(session_.get()));
  read();
}

void Pipeline::send(Line& waiting) {
  TERRACE_ASSERT(session_ && !waiting.empty() && waiting.front());
  line_.splice(line_.end(), waiting, waiting.begin());
  Exchange& exchange = *line_.back();
  exchange.carrier = this;
  reply_limits_.push_back(exchange.reply_limit());
  owed_ += reply_limits_.back();
  if (!postgres::send(*session_, exchange.statement(), exchange.parameters())) {
    return lose(PQerrorMessage(session_.get()));
  }
  write();
}

std::unique_ptr<Exchange> Pipeline::give_up(Line::iterator place) {
  TERRACE_ASSERT(*place && given_up_ < line_.size());
  if (given_up_++ == 0) watch_stall();
  return std::move(*place);
}

Line Pipeline::close() {
  stall_timer_.cancel();
  if (session_) socket_.release();  // libpq closes it
  session_.reset();
  Line left = std::move(line_);
  left.remove(nullptr);
  return left;
}

void Pipeline::read() {
  socket_.async_wait(socket_.wait_read, [self = shared_from_this()](const ErrorCode& ec) {
    if (ec || !self->session_) return;
    if (self->flooded()) return self->lose("it sends more than any reply may have");
    if (PQconsumeInput(self->session_.get()) != 1) return self->lose(PQerrorMessage(self->session_.get()));
    self->take_replies();
    if (self->session_ && PQstatus(self->session_.get()) == CONNECTION_BAD) self->lose("it was closed");
    if (!self->session_) return;
    self->write();
    if (self->session_) self->read();
  });
}

void Pipeline::write() {
  if (writing_) return;
  const int unsent = PQflush(session_.get());
  if (unsent < 0) return lose(PQerrorMessage(session_.get()));
  if (unsent == 0) return;
  writing_ = true;
  socket_.async_wait(socket_.wait_write, [self = shared_from_this()](const ErrorCode& ec) {
    if (ec || !self->session_) return;
    self->writing_ = false;
    self->write();
  });
}

/// The reply to a statement is its rows or its error, nothing (the end of the rows), and the end of its
/// transaction.
void Pipeline::take_replies() {
  while (session_ && !line_.empty() && PQisBusy(session_.get()) == 0) {
    if (Reply reply{PQgetResult(session_.get())}) take(std::move(reply));
  }
}

void Pipeline::take(Reply reply) {
  switch (PQresultStatus(reply.get())) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
      if (line_.front()) line_.front()->on_rows(*reply);
      break;
    case PGRES_PIPELINE_SYNC:
      return end_first();
    default:
      if (!refusal_) refusal_ = server_error(*reply, label_);
  }
}

void Pipeline::end_first() {
  const auto self = shared_from_this();  // handlers may close everything
  TERRACE_ASSERT(!line_.empty());
  auto exchange = std::move(line_.front());
  line_.pop_front();
  owed_ -= reply_limits_.front();
  reply_limits_.pop_front();
  received_ = received_bytes(PQsocket(session_.get()));
  TERRACE_ASSERT(exchange || given_up_ > 0);
  if (!exchange) --given_up_;
  given_up_ > 0 ? watch_stall() : static_cast<void>(stall_timer_.cancel());
  const std::optional<Error> refusal = std::exchange(refusal_, std::nullopt);
  const auto owner = owner_.lock();
  if (!owner) return;
  if (exchange) owner->on_answered(std::move(exchange), refusal ? &*refusal : nullptr);
  if (!session_) return;
  if (refusal && *refusal == Errc::incompatible) return lose("the table was changed");
  owner->on_relieved();
}

void Pipeline::watch_stall() {
  stall_timer_.expires_at(after(clock_.now(), stall_limit));
  stall_timer_.async_wait([self = shared_from_this()](const ErrorCode& ec) {
    if (ec || self->clock_.now() < self->stall_timer_.expiry()) return;  // progress was made meanwhile
    if (self->session_ && self->overdue()) self->lose("it does not answer");
  });
}

bool Pipeline::flooded() const {
  return received_bytes(PQsocket(session_.get())) - received_ > owed_ + owed_ / 16 + overhead;
}

void Pipeline::lose(const std::string& why) {
  const auto self = shared_from_this();
  if (const auto owner = owner_.lock()) owner->on_lost(*this, why);
}

}  // namespace terrace::postgres
