/// Flushing: when a batch goes to the sink, and what happens to its changes.
///
///     idle ──schedule: a change is due, or a caller waits──► posted ──send──► flying ──batch_answered──► idle, or paused
///     paused ──resume, when the pause is over──► idle
///
/// It is paused, and sends nothing, after a batch of which the sink took nothing. Changes that were put back
/// are queued again when the pause is over.
///
/// probing_: after a batch that was refused as a whole, with no success since the last pause, one change at a
/// time is sent, until the sink takes one.

#include <algorithm>

#include "cascade/write_back_impl.hpp"

namespace terrace::cascade {
namespace {

constexpr Duration first_pause = std::chrono::milliseconds(100);
constexpr Duration longest_pause = std::chrono::seconds(10);

bool is_away(const Error& error) {
  return error == Errc::unavailable || error == Errc::timed_out || error == Errc::overloaded ||
         error == Errc::shutdown;
}

bool blames_the_change(const Error& error) {
  return error == Errc::invalid_key || error == Errc::value_too_large || error == Errc::unencodable ||
         error == Errc::invalid_argument;
}

}  // namespace

/// Sends the next batch, now or when it is due.
void WriteBack::Impl::schedule() {
  if (flying_ || posted_ || paused_ || closed_ || pending_.queued() == 0) return;
  const TimePoint due = after(pending_.front_since(), options_.flush_interval);
  const bool now = closing_ || !barriers_.empty() || pending_.queued() >= options_.max_batch ||
                   due <= scheduler_->clock().now();
  if (now) {
    posted_ = true;
    scheduler_->post(when_alive(&Impl::send));
  } else if (flush_timer_ == 0) {
    flush_timer_ = scheduler_->call_at(due, when_alive(&Impl::on_due));
  }
}

void WriteBack::Impl::on_due() {
  Lock lock(mutex_);
  flush_timer_ = 0;
  schedule();
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
          self->batch_answered(flights, std::move(outcomes));
        });
}

void WriteBack::Impl::batch_answered(const Flights& flights, std::vector<Result<void>> outcomes) {
  outcomes.resize(flights.size(), Error(Errc::io_error, "the sink left it unanswered"));
  const auto taken = static_cast<std::size_t>(std::count_if(
      outcomes.begin(), outcomes.end(), [](const auto& outcome) { return outcome.has_value(); }));
  std::vector<std::uint64_t> done;
  std::vector<Poison> poison;
  Passed passed;
  {
    Lock lock(mutex_);
    flying_ = false;
    if (closed_) return;  // the journal is closed, too: the changes that were taken may be sent once more
    done = std::exchange(needless_, {});
    stats_.flushed += taken;
    round_ -= std::min(round_, flights.size());
    const bool refused = std::any_of(outcomes.begin(), outcomes.end(), [](const auto& outcome) {
      return !outcome && !is_away(outcome.error());
    });
    probing_ = taken == 0 && (probing_ || (refused && !taken_));
    taken_ = taken_ || taken > 0;
    for (std::size_t i = 0; i < flights.size(); ++i) {
      const PendingChanges::Flight flight = flights[i];
      if (outcomes[i] || !PendingChanges::is_newest(flight)) done.push_back(PendingChanges::version(flight));
      if (outcomes[i]) {
        barriers_.note(pending_.end(flight), false);
      } else if (is_poison(flight, outcomes[i].error(), taken, flights.size())) {
        poison.push_back({flight, {PendingChanges::newest(*flight), outcomes[i].error().message()}});
      } else {
        pending_.put_back(flight);
      }
    }
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
  for (Poison& dead : poison) {
    journal_->bury(std::move(dead.letter.change), std::move(dead.letter.reason),
                   [self = shared_from_this(), flight = dead.flight](const Result<Change>& outcome) {
                     self->buried(flight, outcome);
                   });
  }
  answer(passed);
}

/// Counts the refusal if it is the change's own fault; true if there were enough of them. Of a batch that was
/// refused as a whole, each change may be the cause, and is sent in a smaller batch next time.
bool WriteBack::Impl::is_poison(PendingChanges::Flight flight, const Error& error, std::size_t taken,
                                std::size_t batch) {
  ++stats_.retried;
  if (!PendingChanges::is_newest(flight)) {
    ++stats_.coalesced;
    return false;
  }
  if (is_away(error)) return false;
  const bool singled_out = taken > 0 || (batch == 1 && taken_);
  if (singled_out || blames_the_change(error)) return pending_.refuse(flight) >= options_.max_attempts;
  if (taken_) PendingChanges::isolate(flight, batch / 2);
  return false;
}

void WriteBack::Impl::buried(PendingChanges::Flight flight, const Result<Change>& outcome) {
  Passed passed;
  {
    Lock lock(mutex_);
    if (outcome) {
      ++stats_.dead_letters;
      barriers_.note(pending_.end(flight), true);
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

/// Sets the timer after which the changes that were put back are queued again.
void WriteBack::Impl::pause() {
  if (pause_timer_ != 0 || closed_) return;
  const Duration bound = std::min(longest_pause, first_pause * (std::int64_t{1} << std::min(pauses_, 10U)));
  ++pauses_;
  const Duration length(std::uniform_int_distribution<Duration::rep>(0, bound.count())(random_));
  pause_timer_ = scheduler_->call_at(after(scheduler_->clock().now(), length), when_alive(&Impl::resume));
}

void WriteBack::Impl::resume() {
  Lock lock(mutex_);
  pause_timer_ = 0;
  paused_ = taken_ = false;
  pending_.retry();
  round_ = pending_.queued();
  schedule();
}

}  // namespace terrace::cascade
