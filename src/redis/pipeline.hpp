#pragma once
/// Pipeline: one established connection. It writes batches of exchanges and passes the replies, which come in
/// the same order, to them. An exchange that is given up leaves its place in the line, so that its late
/// replies are counted and dropped, and never taken for those of another exchange. Used on the I/O context
/// only.
///
/// Only the codec comes from Boost.Redis. Its own connection (1.88) supports only TCP, closes itself when a
/// written request is cancelled, hides why a login was rejected, and cannot limit the memory for a reply.

#include <deque>
#include <memory>
#include <vector>

#include "redis/exchange.hpp"
#include "redis/stream.hpp"

namespace terrace::redis {

class Pipeline final : public Stream::Listener, public std::enable_shared_from_this<Pipeline> {
 public:
  using Batch = std::vector<std::unique_ptr<Exchange>>;

  /// Receives the events of the pipeline; never called inside send().
  class Owner {
   public:
    /// All replies came. The owner ends the exchange.
    virtual void on_answered(std::unique_ptr<Exchange> exchange) = 0;
    /// A node of a push; `last` ends it.
    virtual void on_push(const Node& node, bool last) = 0;
    /// The last batch was written: send() may be called again.
    virtual void on_writable() = 0;
    /// No reply is owed any more, to any exchange: send() may be called again.
    virtual void on_idle() {}
    /// The connection cannot be used any more. Called once at most; the owner calls close().
    virtual void on_lost(const std::string& why) = 0;

   protected:
    ~Owner() = default;
  };

  Pipeline(std::unique_ptr<Stream> stream, std::size_t max_value_bytes, std::shared_ptr<Owner> owner,
           const Clock& clock);

  void start() { read_more(); }

  [[nodiscard]] bool can_send() const noexcept {
    return !closed_ && segments_.empty() && line_.size() < max_in_flight;
  }
  void send(Batch batch);

  /// Takes a sent exchange out; its replies will be dropped.
  std::unique_ptr<Exchange> give_up(std::uint64_t ticket);

  /// Ends the connection and returns the exchanges that were sent and not answered. No call to the owner
  /// follows.
  Batch close();

  [[nodiscard]] bool waits_for_replies() const noexcept { return !line_.empty(); }
  /// How many replies are still owed to exchanges that were given up, or to none.
  [[nodiscard]] std::size_t given_up() const noexcept { return given_up_; }
  /// The last time when bytes came, or the first request was written after a pause, or a part of a batch was
  /// written that did not fit into the kernel's buffer. (That the kernel took a whole batch says nothing
  /// about the server.)
  [[nodiscard]] TimePoint last_progress() const noexcept { return last_progress_; }
  [[nodiscard]] TimePoint last_received() const noexcept { return last_received_; }

  static constexpr std::size_t max_in_flight = 64 * 1024;

 private:
  struct Place {
    std::unique_ptr<Exchange> exchange;  // null: given up
    std::size_t answered;
    std::size_t replies;
  };

  void add_segment(std::string payload);
  bool write_ready();
  void write_more();
  void wrote(std::size_t bytes);
  void on_written(const ErrorCode& ec, std::size_t size) override;
  void read_more();
  void on_read(const ErrorCode& ec, std::size_t size) override;
  void take_replies();
  void take_node(const ReplyReader::Item& item);
  void lose(const std::string& why);

  const std::unique_ptr<Stream> stream_;
  ReplyReader reader_;
  std::shared_ptr<Owner> owner_;
  const Clock& clock_;
  bool closed_ = false;
  std::deque<Place> line_;
  std::uint64_t first_ticket_ = 0;  // of the front of the line
  std::size_t given_up_ = 0;
  std::vector<std::string> segments_;  // the batch going out; empty: none
  std::size_t segment_ = 0;
  std::size_t offset_ = 0;
  TimePoint last_progress_;
  TimePoint last_received_;
};

}  // namespace terrace::redis
