#pragma once
/// Pipeline: one session on which statements are sent without waiting for earlier replies; each is its own
/// transaction. Used on the I/O context only.
///
/// The server answers in order, so a reply belongs to the first exchange of the line. An exchange that is
/// given up leaves an empty place there. A pipeline that owes a reply for such a place is overdue until the
/// reply comes, and lost if nothing comes for a while.

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <optional>

#include "database/postgres_exchange.hpp"

namespace terrace::postgres {

class Pipeline : public std::enable_shared_from_this<Pipeline> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    /// The server has answered: with an error, or successfully (null).
    virtual void on_answered(std::unique_ptr<Exchange> exchange, const Error* refusal) = 0;
    /// It can take more than before.
    virtual void on_relieved() = 0;
    /// It cannot be used any more and must be closed.
    virtual void on_lost(Pipeline& pipeline, const std::string& why) = 0;
  };

  Pipeline(boost::asio::io_context& io, const Clock& clock, Session session, std::string label,
           std::weak_ptr<Owner> owner);

  void start();
  /// Moves the first of `waiting` to the end of the line and sends it.
  void send(Line& waiting);
  /// Takes the exchange out; its reply will be dropped.
  [[nodiscard]] std::unique_ptr<Exchange> give_up(Line::iterator place);
  /// Ends the session; returns the exchanges whose replies are still owed.
  [[nodiscard]] Line close();

  [[nodiscard]] std::size_t in_flight() const noexcept { return line_.size(); }
  [[nodiscard]] bool overdue() const noexcept { return given_up_ > 0; }
  [[nodiscard]] TimePoint since() const noexcept { return since_; }

 private:
  void read();
  void write();
  void take_replies();
  void take(Reply reply);
  void end_first();
  void watch_stall();
  /// The server has sent more than all replies that it owes may have.
  [[nodiscard]] bool flooded() const;
  void lose(const std::string& why);

  const Clock& clock_;
  const std::string label_;
  const std::weak_ptr<Owner> owner_;
  const TimePoint since_;
  Session session_;  // null: closed
  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer stall_timer_;
  Line line_;
  std::deque<std::uint64_t> reply_limits_;  // of the line
  std::uint64_t owed_ = 0;                  // their sum
  std::uint64_t received_ = 0;              // bytes that the server had sent when the last reply ended
  std::size_t given_up_ = 0;
  std::optional<Error> refusal_;  // for the first of the line
  bool writing_ = false;
};

}  // namespace terrace::postgres
