/// WriteBack: changes go into the journal, are acknowledged, and wait for the flush (write_back_flush.cpp).

#include "cascade/write_back.hpp"

#include <algorithm>

#include "base/tier_check.hpp"
#include "cascade/write_back_impl.hpp"

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

constexpr std::size_t most_needless = 1000;

std::uint64_t size_of(const Change& change) {
  return change.key.size() + change.stored.size();
}

/// The least version of an opening. A journal whose directory was lost, or that follows another journal of
/// the namespace, must not begin below the versions that targets have seen. So versions begin at the clock:
/// there are 65,536 of them for each millisecond, so no journal runs ahead of the clock. An opening takes the
/// versions of 16 ms (journal::sequence_gap), and a change takes one. They last until the year 4200
/// (Version::highest_counter).
std::uint64_t first_number(const Clock& clock) {
  constexpr unsigned numbers_each_bits = 16;
  const auto now = std::chrono::floor<std::chrono::milliseconds>(clock.wall_now()).time_since_epoch().count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(1, now)) << numbers_each_bits;
}

}  // namespace

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
  if (auto why = bad_key(change.key)) return why;
  const std::uint64_t size = size_of(change);
  const std::uint64_t most = std::min<std::uint64_t>(options_.max_pending_bytes, journal::max_change_size);
  if (size > most)
    return Error(Errc::value_too_large, "a change of " + std::to_string(size) +
                                            " bytes; write-back takes up to " + std::to_string(most) +
                                            " (WriteBackOptions::max_pending_bytes)");
  const auto overloaded = [](const char* name, std::uint64_t limit) {
    return Error(Errc::overloaded,
                 std::string("the changes that wait to be flushed have reached WriteBackOptions::") + name +
                     " (" + std::to_string(limit) +
                     "): find out why the tiers accept so few, write less, or raise it");
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
                              "after the fork, one of them with a journal"));
  Lock lock(mutex_);
  if (auto refused = refusal(change)) {
    lock.unlock();
    return acknowledged(*std::move(refused));
  }
  ++puts_;
  const std::uint64_t bytes = size_of(change);
  appending_bytes_ += bytes;
  // Under the lock, so the journal gets the puts in their order.
  journal_->append(
      std::move(change),
      [self = shared_from_this(), bytes, acknowledged = std::move(acknowledged)](
          Result<Change> outcome) mutable { self->appended(bytes, std::move(outcome), acknowledged); });
}

void WriteBack::Impl::appended(std::uint64_t bytes, Result<Change> outcome,
                               Handler<Result<void>>& acknowledged) {
  Result<void> verdict;
  Passed passed;
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
  barriers_.add(puts_, std::move(done));
  Passed passed = passed_barriers();
  schedule();
  lock.unlock();
  answer(passed);
}

void WriteBack::Impl::answer(Passed& passed) {
  for (auto& barrier : passed) {
    if (barrier.dead == 0) {
      barrier.done({});
    } else {
      barrier.done(Error(Errc::partial_write, std::to_string(barrier.dead) +
                                                  " changes were refused and are dead letters of the journal "
                                                  "(terrace journal inspect)"));
    }
  }
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
  Passed left;
  {
    Lock lock(mutex_);
    closed_ = true;
    needless = std::exchange(needless_, {});
    left = barriers_.take_all();
    for (const Scheduler::TimerId timer : {flush_timer_, pause_timer_})
      if (timer != 0) scheduler_->cancel(timer);
  }
  journal_->done(needless);
  journal_->close();
  for (auto& barrier : left)
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

std::uint64_t WriteBack::journal_id() const noexcept {
  return impl_->journal_id();
}

WriteBackStats WriteBack::stats() const {
  return impl_->stats();
}

const std::vector<journal::Damage>& WriteBack::damage() const noexcept {
  return impl_->damage();
}

}  // namespace terrace::cascade
