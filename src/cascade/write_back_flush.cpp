/// Flushing: when a batch goes to the sink, and what becomes of its changes.

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
  Passed passed;
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
        barriers_.note(pending_.end(flight), false);
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

}  // namespace terrace::cascade
