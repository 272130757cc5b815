#pragma once
/// The implementation of WriteBack. write_back.cpp takes changes into the journal; write_back_flush.cpp sends
/// them to the sink.

#include <filesystem>
#include <memory>
#include <mutex>
#include <random>

#include "cascade/flush_barriers.hpp"
#include "cascade/write_back.hpp"
#include "journal/serial_thread.hpp"

namespace terrace::cascade {

class WriteBack::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(WriteBackOptions options, std::shared_ptr<Scheduler> scheduler, Sink sink)
      : options_(with_absolute_path(std::move(options))),
        scheduler_(std::move(scheduler)),
        sink_(std::move(sink)) {}
  ~Impl() {
    if (journal_ && journal_->forked())
      static_cast<void>(thread_.release());  // the thread belongs to the parent process
  }

  void start(Parts parts);
  void put(Change change, Handler<Result<void>> acknowledged);
  std::optional<Change> pending(std::string_view key) const;
  void flush(Handler<Result<void>> done);
  void close(Duration limit);
  std::uint64_t journal_id() const noexcept { return journal_->id(); }
  WriteBackStats stats() const;
  const std::vector<journal::Damage>& damage() const noexcept { return journal_->damage(); }

 private:
  using Lock = std::unique_lock<std::mutex>;
  using Flights = std::vector<PendingChanges::Flight>;
  struct Poison {
    PendingChanges::Flight flight;
    journal::DeadLetter letter;
  };
  using Passed = std::vector<FlushBarriers::Barrier>;

  /// The program may change its directory while the journal is in use.
  static WriteBackOptions with_absolute_path(WriteBackOptions options) {
    options.path = std::filesystem::absolute(options.path).string();
    return options;
  }
  [[nodiscard]] std::optional<Error> refusal(const Change& change) const;
  void appended(std::uint64_t bytes, Result<Change> outcome, Handler<Result<void>>& acknowledged);
  void add(Change change, TimePoint since);
  [[nodiscard]] Passed passed_barriers() { return barriers_.passed(appended_, newest_, pending_.size()); }
  static void answer(Passed& passed);

  /// A task for the scheduler. It holds this object weakly, because this object keeps the scheduler alive.
  Task when_alive(void (Impl::*work)()) {
    return [weak = weak_from_this(), work] {
      if (const auto self = weak.lock()) (self.get()->*work)();
    };
  }
  void schedule();
  void on_due();
  void send();
  void batch_answered(const Flights& flights, std::vector<Result<void>> outcomes);
  [[nodiscard]] bool is_poison(PendingChanges::Flight flight, const Error& error, std::size_t taken,
                               std::size_t batch);
  void buried(PendingChanges::Flight flight, const Result<Change>& outcome);
  void pause();
  void resume();
  void note_drained();

  const WriteBackOptions options_;
  const std::shared_ptr<Scheduler> scheduler_;
  std::unique_ptr<journal::SerialThread> thread_;  // outlives the journal
  std::shared_ptr<journal::Journal> journal_;
  Sink sink_;  // the I/O thread's

  mutable std::mutex mutex_;
  PendingChanges pending_;
  std::uint64_t puts_ = 0, appended_ = 0;  // puts begun, and those that the journal has answered
  std::uint64_t appending_bytes_ = 0;
  std::uint64_t newest_ = 1;             // version
  std::vector<std::uint64_t> needless_;  // versions to be marked as done together with the next batch
  FlushBarriers barriers_;
  bool flying_ = false;   // a batch is at the sink
  bool posted_ = false;   // send() is about to run
  bool paused_ = false;   // nothing is sent until the pause is over
  bool taken_ = false;    // the sink has taken something since the last pause
  bool probing_ = false;  // the sink refused everything: one change at a time
  bool closing_ = false, closed_ = false;
  std::size_t round_ = 0;  // number of changes to answer until every earlier failure has been tried again
  unsigned pauses_ = 0;
  Scheduler::TimerId flush_timer_ = 0, pause_timer_ = 0;
  std::shared_ptr<Latch> drained_;
  std::mt19937_64 random_{std::random_device{}()};
  WriteBackStats stats_;
};

}  // namespace terrace::cascade
