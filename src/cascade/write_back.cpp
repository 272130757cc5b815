#include "cascade/write_back.hpp"

#include <algorithm>
#include <mutex>
#include <random>

#include "journal/serial_thread.hpp"

namespace terrace {

void WriteBackOptions::check() const {
  const auto require = [](bool right, const char* what) {
    if (!right) throw ConfigError(std::string("WriteBackOptions::") + what);
  };
  require(!path.empty(), "path is empty: name a directory on a local disk for the journal");
  require(flush_interval > Duration::zero(), "flush_interval must be more than 0");
  require(max_batch > 0, "max_batch must be at least 1");
  require(max_pending > 0, "max_pending must be at least 1");
  require(max_pending_bytes > 0, "max_pending_bytes must be at least 1");
  require(max_journal_bytes >= std::uint64_t{32} << 20, "max_journal_bytes must be at least 32 MiB");
  require(max_attempts > 0, "max_attempts must be at least 1");
}

}  // namespace terrace

namespace terrace::cascade {
namespace {

constexpr Duration first_pause = std::chrono::milliseconds(100);
constexpr std::size_t most_needless = 1000;
constexpr Duration longest_pause = std::chrono::seconds(10);

bool is_away(const Error& error) {
  return error == Errc::unavailable || error == Errc::timed_out || error == Errc::overloaded ||
         error == Errc::shutdown;
}

bool blames_the_change(const Error& error) {
  return error == Errc::invalid_key || error == Errc::value_too_large || error == Errc::unencodable ||
         error == Errc::invalid_argument;
}

std::uint64_t size_of(const Change& change) {
  return change.key.size() + change.stored.size();
}

/// The first number of a new journal: who loses the directory shall not begin below what targets have seen.
std::uint64_t first_number(const Clock& clock) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(clock.wall_now()).time_since_epoch().count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(1, seconds)) * journal::sequence_gap;
}

}  // namespace

class WriteBack::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(WriteBackOptions options, std::shared_ptr<Scheduler> scheduler, Sink sink)
      : options_(std::move(options)), scheduler_(std::move(scheduler)), sink_(std::move(sink)) {}
  ~Impl() {
    if (journal_ && journal_->forked()) static_cast<void>(thread_.release());  // it is the parent's
  }

  void start(Parts parts);
  void put(Change change, Handler<Result<void>> acknowledged);
  std::optional<Change> pending(std::string_view key) const;
  void flush(Handler<Result<void>> done);
  void close(Duration limit);
  WriteBackStats stats() const;
  const std::vector<journal::Damage>& damage() const noexcept { return journal_->damage(); }

 private:
  using Lock = std::unique_lock<std::mutex>;
  using Flights = std::vector<PendingChanges::Flight>;

  /// A flush() that is under way.
  struct Barrier {
    std::uint64_t puts = 0;     // waits until so many puts are in the journal,
    std::uint64_t version = 0;  // then (not 0) for every change up to this version,
    std::uint64_t keys = 0;     // of so many keys
    std::uint64_t dead = 0;
    Handler<Result<void>> done;
  };
  using Barriers = std::vector<Barrier>;

  [[nodiscard]] std::optional<Error> refusal(const Change& change) const;
  void appended(std::uint64_t bytes, Result<Change> outcome, Handler<Result<void>>& acknowledged);
  void add(Change change, TimePoint since);
  [[nodiscard]] Barriers passed_barriers();
  void leave(PendingChanges::Flight flight, bool dead);
  static void answer(Barriers& passed);

  void schedule();
  void send();
  void settle(const Flights& flights, std::vector<Result<void>> outcomes);
  [[nodiscard]] bool is_poison(PendingChanges::Flight flight, const Error& error, bool singled_out);
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
  std::vector<std::uint64_t> needless_;  // versions to mark as done together with the next batch
  Barriers barriers_;
  bool flying_ = false;   // a batch is at the sink
  bool posted_ = false;   // send() is about to run
  bool paused_ = false;   // nothing is sent until the pause is over
  bool taken_ = false;    // the sink has taken something since the last pause
  bool probing_ = false;  // the sink refused everything: one change at a time
  bool closing_ = false, closed_ = false;
  std::size_t round_ = 0;  // so many changes from now every failure of before has had another chance
  unsigned pauses_ = 0;
  Scheduler::TimerId flush_timer_ = 0, pause_timer_ = 0;
  std::shared_ptr<Latch> drained_;
  std::mt19937_64 random_{std::random_device{}()};
  WriteBackStats stats_;
};

void WriteBack::Impl::start(Parts parts) {
  if (!parts.run) {
    thread_ = std::make_unique<journal::SerialThread>();
    parts.run = [thread = thread_.get()](Task task) { thread->run(std::move(task)); };
  }
  const TimePoint due = scheduler_->clock().now() - options_.flush_interval;
  journal_ = journal::Journal::open({.path = options_.path,
                                     .sync = options_.sync,
                                     .run = std::move(parts.run),
                                     .segment_bytes = parts.segment_bytes,
                                     .first = first_number(scheduler_->clock()),
                                     .sealing = std::move(parts.sealing),
                                     .disk = parts.disk},
                                    [&](Change change) {
                                      ++stats_.recovered;
                                      add(std::move(change), due);
                                    });
  Lock lock(mutex_);
  schedule();
}

std::optional<Error> WriteBack::Impl::refusal(const Change& change) const {
  if (closing_) return Error(Errc::shutdown, "write-back is closed");
  if (change.key.empty() || change.key.size() > max_key_size)
    return Error(Errc::invalid_key, "a key has 1 … " + std::to_string(max_key_size) + " bytes");
  const std::uint64_t size = size_of(change);
  const std::uint64_t most = std::min<std::uint64_t>(options_.max_pending_bytes, journal::max_change_size);
  if (size > most)
    return Error(Errc::value_too_large, "a change of " + std::to_string(size) +
                                            " bytes; write-back takes up to " + std::to_string(most) +
                                            " (WriteBackOptions::max_pending_bytes)");
  const auto overloaded = [](const char* name, std::uint64_t limit) {
    return Error(Errc::overloaded, std::string("what waits to be flushed has reached WriteBackOptions::") +
                                       name + " (" + std::to_string(limit) +
                                       "): see why the tiers take so little, write less, or raise it");
  };
  if (pending_.size() + (puts_ - appended_) >= options_.max_pending)
    return overloaded("max_pending", options_.max_pending);
  if (pending_.bytes() + appending_bytes_ + size > options_.max_pending_bytes)
    return overloaded("max_pending_bytes", options_.max_pending_bytes);
  if (journal_->stats().bytes >= options_.max_journal_bytes)
    return overloaded("max_journal_bytes", options_.max_journal_bytes);
  return {};
}

void WriteBack::Impl::put(Change change, Handler<Result<void>> acknowledged) {
  if (journal_->forked())
    return acknowledged(Error(Errc::unavailable,
                              "this process was forked from the one that opened the journal: open caches "
                              "after the fork, each with a journal of its own"));
  Lock lock(mutex_);
  if (auto refused = refusal(change)) {
    lock.unlock();
    return acknowledged(*std::move(refused));
  }
  ++puts_;
  const std::uint64_t bytes = size_of(change);
  appending_bytes_ += bytes;
  // Under the lock, so that the journal has the puts in their order.
  journal_->append(
      std::move(change),
      [self = shared_from_this(), bytes, acknowledged = std::move(acknowledged)](
          Result<Change> outcome) mutable { self->appended(bytes, std::move(outcome), acknowledged); });
}

void WriteBack::Impl::appended(std::uint64_t bytes, Result<Change> outcome,
                               Handler<Result<void>>& acknowledged) {
  Result<void> verdict;
  Barriers passed;
  {
    Lock lock(mutex_);
    ++appended_;
    appending_bytes_ -= bytes;
    if (outcome) {
      ++stats_.acknowledged;
      add(std::move(*outcome), scheduler_->clock().now());
    } else {
      verdict = outcome.error();
    }
    if (needless_.size() >= most_needless) journal_->done(std::exchange(needless_, {}));
    passed = passed_barriers();
    note_drained();
    schedule();
  }
  acknowledged(std::move(verdict));
  answer(passed);
}

void WriteBack::Impl::add(Change change, TimePoint since) {
  newest_ = change.version;
  const auto needless = pending_.add(std::move(change), since);
  if (!needless) return;
  ++stats_.coalesced;
  needless_.push_back(*needless);
}

std::optional<Change> WriteBack::Impl::pending(std::string_view key) const {
  Lock lock(mutex_);
  return pending_.find(key);
}

void WriteBack::Impl::flush(Handler<Result<void>> done) {
  Lock lock(mutex_);
  if (closed_) {
    lock.unlock();
    return done(Error(Errc::shutdown, "write-back is closed"));
  }
  barriers_.push_back({.puts = puts_, .done = std::move(done)});
  Barriers passed = passed_barriers();
  schedule();
  lock.unlock();
  answer(passed);
}

WriteBack::Impl::Barriers WriteBack::Impl::passed_barriers() {
  Barriers passed;
  std::erase_if(barriers_, [&](Barrier& barrier) {
    if (barrier.puts > appended_) return false;
    if (barrier.version == 0) {
      barrier.version = newest_;
      barrier.keys = pending_.size();
    }
    if (barrier.keys > 0) return false;
    passed.push_back(std::move(barrier));
    return true;
  });
  return passed;
}

/// The change of this flight waits no more.
void WriteBack::Impl::leave(PendingChanges::Flight flight, bool dead) {
  const PendingChanges::Ended ended = pending_.end(flight);
  for (Barrier& barrier : barriers_) {
    if (ended.oldest > barrier.version || (ended.queued && *ended.queued <= barrier.version)) continue;
    --barrier.keys;
    barrier.dead += dead ? 1 : 0;
  }
}

void WriteBack::Impl::answer(Barriers& passed) {
  for (Barrier& barrier : passed) {
    if (barrier.dead == 0) {
      barrier.done({});
    } else {
      barrier.done(Error(Errc::partial_write, std::to_string(barrier.dead) +
                                                  " changes were refused and are dead letters of the journal "
                                                  "(terrace journal inspect)"));
    }
  }
}

/// Has the next batch sent, now or when its time comes.
void WriteBack::Impl::schedule() {
  if (flying_ || posted_ || paused_ || closed_ || pending_.queued() == 0) return;
  const TimePoint due = after(pending_.front_since(), options_.flush_interval);
  const bool now = closing_ || !barriers_.empty() || pending_.queued() >= options_.max_batch ||
                   due <= scheduler_->clock().now();
  if (now) {
    posted_ = true;
    scheduler_->post([self = shared_from_this()] { self->send(); });
  } else if (flush_timer_ == 0) {
    flush_timer_ = scheduler_->call_at(due, [self = shared_from_this()] {
      Lock lock(self->mutex_);
      self->flush_timer_ = 0;
      self->schedule();
    });
  }
}

void WriteBack::Impl::send() {
  PendingChanges::Batch batch;
  {
    Lock lock(mutex_);
    posted_ = false;
    if (flying_ || paused_ || closed_ || pending_.queued() == 0) return;
    flying_ = true;
    batch = pending_.take(probing_ ? 1 : options_.max_batch);
  }
  sink_(std::move(batch.changes),
        [self = shared_from_this(), flights = std::move(batch.flights)](std::vector<Result<void>> outcomes) {
          self->settle(flights, std::move(outcomes));
        });
}

void WriteBack::Impl::settle(const Flights& flights, std::vector<Result<void>> outcomes) {
  outcomes.resize(flights.size(), Error(Errc::io_error, "the sink left it unanswered"));
  const auto taken =
      static_cast<std::size_t>(std::count_if(outcomes.begin(), outcomes.end(), [](auto& o) { return !!o; }));
  std::vector<std::uint64_t> done;
  std::vector<std::pair<PendingChanges::Flight, journal::DeadLetter>> poison;
  Barriers passed;
  {
    Lock lock(mutex_);
    flying_ = false;
    if (closed_) return;  // so is the journal: what was taken may be sent once more
    done = std::exchange(needless_, {});
    taken_ = taken_ || taken > 0;
    stats_.flushed += taken;
    round_ -= std::min(round_, flights.size());
    bool refused = false;
    for (std::size_t i = 0; i < flights.size(); ++i) {
      const PendingChanges::Flight flight = flights[i];
      if (outcomes[i]) {
        done.push_back(PendingChanges::version(flight));
        leave(flight, false);
        continue;
      }
      ++stats_.retried;
      refused = refused || !is_away(outcomes[i].error());
      if (!PendingChanges::is_newest(flight)) {
        ++stats_.coalesced;
        done.push_back(PendingChanges::version(flight));
        pending_.put_back(flight);
      } else if (is_poison(flight, outcomes[i].error(), taken > 0 || (taken_ && flights.size() == 1))) {
        poison.push_back({flight, {PendingChanges::newest(*flight), outcomes[i].error().message()}});
      } else {
        if (taken == 0 && taken_ && flights.size() > 1 && !is_away(outcomes[i].error()))
          PendingChanges::isolate(flight, flights.size() / 2);
        pending_.put_back(flight);
      }
    }
    probing_ = taken == 0 && (probing_ || (refused && !taken_));
    if (pending_.any_put_back()) {
      paused_ = taken == 0;
      pause();
    } else if (round_ == 0) {
      pauses_ = 0;
    }
    passed = passed_barriers();
    note_drained();
    schedule();
  }
  journal_->done(done);
  for (auto& [flight, letter] : poison) {
    journal_->bury(std::move(letter.change), std::move(letter.reason),
                   [self = shared_from_this(), flight = flight](const Result<Change>& outcome) {
                     self->buried(flight, outcome);
                   });
  }
  answer(passed);
}

/// Counts the refusal if it is the change's own fault; true when there were enough of them.
bool WriteBack::Impl::is_poison(PendingChanges::Flight flight, const Error& error, bool singled_out) {
  if (is_away(error) || !(singled_out || blames_the_change(error))) return false;
  return pending_.refuse(flight) >= options_.max_attempts;
}

void WriteBack::Impl::buried(PendingChanges::Flight flight, const Result<Change>& outcome) {
  Barriers passed;
  {
    Lock lock(mutex_);
    if (outcome) {
      ++stats_.dead_letters;
      leave(flight, true);
    } else if (!closed_) {
      pending_.put_back(flight);
      pause();
    }
    passed = passed_barriers();
    note_drained();
    schedule();
  }
  answer(passed);
}

/// What was put back gets its next chance some time later.
void WriteBack::Impl::pause() {
  if (pause_timer_ != 0 || closed_) return;
  const Duration bound = std::min(longest_pause, first_pause * (std::int64_t{1} << std::min(pauses_, 10U)));
  ++pauses_;
  const Duration length(std::uniform_int_distribution<Duration::rep>(0, bound.count())(random_));
  pause_timer_ = scheduler_->call_at(after(scheduler_->clock().now(), length),
                                     [self = shared_from_this()] { self->resume(); });
}

void WriteBack::Impl::resume() {
  Lock lock(mutex_);
  pause_timer_ = 0;
  paused_ = taken_ = false;
  pending_.retry();
  round_ = pending_.queued();
  schedule();
}

void WriteBack::Impl::note_drained() {
  if (drained_ && pending_.size() == 0 && appended_ == puts_) drained_->open();
}

void WriteBack::Impl::close(Duration limit) {
  if (journal_->forked()) return;
  const auto drained = std::make_shared<Latch>();
  {
    Lock lock(mutex_);
    if (closing_) return;
    closing_ = true;
    drained_ = drained;
    note_drained();
    schedule();
  }
  if (limit > Duration::zero()) scheduler_->wait(*drained, after(scheduler_->clock().now(), limit));
  std::vector<std::uint64_t> needless;
  Barriers left;
  {
    Lock lock(mutex_);
    closed_ = true;
    needless = std::exchange(needless_, {});
    left = std::exchange(barriers_, {});
    for (const Scheduler::TimerId timer : {flush_timer_, pause_timer_})
      if (timer != 0) scheduler_->cancel(timer);
  }
  journal_->done(needless);
  journal_->close();
  for (Barrier& barrier : left)
    barrier.done(Error(Errc::shutdown, "closed before everything was flushed; the journal keeps the rest"));
}

WriteBackStats WriteBack::Impl::stats() const {
  const journal::JournalStats journal = journal_->stats();
  Lock lock(mutex_);
  WriteBackStats stats = stats_;
  stats.pending = pending_.size();
  stats.pending_bytes = pending_.bytes();
  if (const auto since = pending_.oldest_since()) stats.lag = scheduler_->clock().now() - *since;
  stats.damaged = journal.damaged;
  stats.journal_bytes = journal.bytes;
  stats.syncs = journal.syncs;
  return stats;
}

WriteBack::WriteBack(WriteBackOptions options, std::shared_ptr<Scheduler> scheduler, Sink sink)
    : WriteBack(std::move(options), std::move(scheduler), std::move(sink), Parts{}) {}

WriteBack::WriteBack(WriteBackOptions options, std::shared_ptr<Scheduler> scheduler, Sink sink, Parts parts) {
  options.check();
  impl_ = std::make_shared<Impl>(std::move(options), std::move(scheduler), std::move(sink));
  impl_->start(std::move(parts));
}

WriteBack::~WriteBack() {
  close(Duration::zero());
}

void WriteBack::put(Change change, Handler<Result<void>> acknowledged) {
  impl_->put(std::move(change), std::move(acknowledged));
}

std::optional<Change> WriteBack::pending(std::string_view key) const {
  return impl_->pending(key);
}

void WriteBack::flush(Handler<Result<void>> done) {
  impl_->flush(std::move(done));
}

void WriteBack::close(Duration limit) {
  impl_->close(limit);
}

WriteBackStats WriteBack::stats() const {
  return impl_->stats();
}

const std::vector<journal::Damage>& WriteBack::damage() const noexcept {
  return impl_->damage();
}

}  // namespace terrace::cascade
