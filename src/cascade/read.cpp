/// Reading, the first step. A call of very many keys is read part after part. Each key of a part joins the
/// flight of its key, or begins one. A new flight is answered at once if the journal of write-back has the
/// key, or if memory has it by now; otherwise its lookup begins.
///
///     key ──► joins a flight ─────────────────────────────────────────► is answered with it
///       └───► begins one ──► in the journal, or by now in memory ─────► complete_uncached
///                    └─────► otherwise; memory may give a candidate ──► start_lookup

#include <algorithm>
#include <iterator>
#include <terrace/detail/load_mark.hpp>

#include "cascade/completion.hpp"
#include "cascade/load_waits.hpp"
#include "cascade/reading.hpp"
#include "cascade/tags.hpp"
#include "cascade/write_back_tiers.hpp"

namespace terrace::cascade {

namespace {

/// How many keys of a call go through the tiers together. Each of them may need a lease and a fill, which are
/// calls of a tier for one key.
constexpr std::size_t keys_together = 2000;

/// The keys of one part of a call, or of the whole.
void read_together(const std::shared_ptr<Core>& core, std::vector<std::string> keys,
                   const std::shared_ptr<Loader>& loader, const ReadOptions& options, bool ahead,
                   const RunningLoadPtr& inside, const TiersOfCallPtr& tiers,
                   Handler<std::vector<Answer>> done) {
  const auto call = core->begin_call<Answer>(keys.size(), options.timeout, std::move(done));
  if (const auto refused = refuse_tags(options.tags)) call->end(*refused);
  if (!call->open()) return;
  const auto tags =
      options.tags.empty() ? nullptr : std::make_shared<const std::vector<std::string>>(options.tags);
  if (loader && (options.timeout || options.stop.stop_possible())) {
    call->when_given_up([weak = std::weak_ptr(core), keys] {
      const auto still = weak.lock();
      for (std::size_t i = 0; still && i < keys.size(); ++i) {
        if (const auto load = still->flights.abandoned(keys[i])) load->abandoned();
      }
    });
  }
  if (options.stop.stop_possible()) call->give_up_on(options.stop);
  const TimePoint since = core->now();
  std::vector<std::pair<std::string, Waiter>> waiters;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (const auto refused = core->refuse_key(keys[i])) {
      call->set_outcome(i, failed<Answer>(*refused));
    } else {
      waiters.emplace_back(std::move(keys[i]), Waiter{call, i, loader, tags, inside, since});
    }
  }
  join_or_begin(core, std::move(waiters), ahead, tiers);
}

/// A read of very many keys: part after part.
class ReadInParts : public std::enable_shared_from_this<ReadInParts> {
 public:
  ReadInParts(std::shared_ptr<Core> core, std::vector<std::string> keys, std::shared_ptr<Loader> loader,
              ReadOptions options, RunningLoadPtr inside, Handler<std::vector<Answer>> done)
      : core_(std::move(core)),
        keys_(std::move(keys)),
        loader_(std::move(loader)),
        options_(std::move(options)),
        inside_(std::move(inside)),
        tiers_(std::make_shared<TiersOfCall>(core_->levels.size())),
        done_(std::move(done)) {
    if (options_.timeout) end_ = after(core_->now(), *options_.timeout);
    answers_.reserve(keys_.size());
  }

  void next() {
    const std::size_t first = answers_.size();
    if (first > 0 && end_ && *end_ <= core_->now()) {
      answers_.resize(keys_.size(), failed<Answer>(Error(Errc::timed_out, "the caller's limit passed")));
    }
    if (answers_.size() == keys_.size()) return done_(std::move(answers_));
    const std::size_t end = std::min(first + keys_together, keys_.size());
    std::vector<std::string> part(std::make_move_iterator(keys_.begin() + static_cast<std::ptrdiff_t>(first)),
                                  std::make_move_iterator(keys_.begin() + static_cast<std::ptrdiff_t>(end)));
    if (end_) options_.timeout = *end_ - core_->now();
    read_together(core_, std::move(part), loader_, options_, false, inside_, tiers_,
                  [self = shared_from_this()](std::vector<Answer> answers) {
                    for (Answer& answer : answers) self->answers_.push_back(std::move(answer));
                    self->next();
                  });
  }

 private:
  const std::shared_ptr<Core> core_;
  std::vector<std::string> keys_;
  const std::shared_ptr<Loader> loader_;
  ReadOptions options_;
  const RunningLoadPtr inside_;
  std::optional<TimePoint> end_;
  const TiersOfCallPtr tiers_;
  Handler<std::vector<Answer>> done_;
  std::vector<Answer> answers_;
};

}  // namespace

void start_read(const std::shared_ptr<Core>& core, std::vector<std::string> keys,
                std::shared_ptr<Loader> loader, const ReadOptions& options, bool ahead,
                Handler<std::vector<Answer>> done) {
  if (keys.empty()) return done({});
  const RunningLoadPtr inside =
      ahead ? nullptr : LoadMark::load();  // no caller waits for a refresh ahead of time
  if (keys.size() > keys_together && !core->levels.empty()) {
    return std::make_shared<ReadInParts>(core, std::move(keys), std::move(loader), options, inside,
                                         std::move(done))
        ->next();
  }
  read_together(core, std::move(keys), loader, options, ahead, inside, nullptr, std::move(done));
}

void join_or_begin(std::shared_ptr<Core> core, std::vector<std::pair<std::string, Waiter>> waiters,
                   bool ahead, const TiersOfCallPtr& tiers) {
  using How = FlightTable::Joined::How;
  std::vector<FlightPtr> begun;
  for (auto& [key, waiter] : waiters) {
    const auto [call, index] = std::pair(waiter.call, waiter.index);
    const auto inside = waiter.loader != nullptr ? waiter.inside : nullptr;
    auto joined = core->flights.join(key, std::move(waiter), [&, &key = key] {
      return std::make_shared<Flight>(key, core->generations.stamp(key), core->now(), core->levels.size(),
                                      ahead);
    });
    if (joined.hurry && joined.load) joined.load->hurry();
    if (joined.load) joined.load->joined();
    if (inside != nullptr && joined.flight != nullptr) {
      if (const auto circle = LoadWaits::wait(inside, joined.flight, call, core->options.name))
        call->set_outcome(index, failed<Answer>(*circle));
    }
    if (joined.how == How::too_late) call->set_outcome(index, {});
    if (joined.how != How::began) continue;
    FlightPtr flight = std::move(joined.flight);
    Entry written;
    if (!ahead && journalled(*core, key, &written) == Journalled::value) {
      const LookupKind kind = written.value ? LookupKind::hit : LookupKind::negative;
      complete_uncached(*core, flight, {.kind = kind, .entry = std::move(written)});
      continue;
    }
    if (auto recalled = core->values->recall(key)) {
      // Another flight of the key may have ended since memory missed, and put the value there.
      if (recalled->serves && !ahead) {
        const LookupKind kind = recalled->entry.value ? LookupKind::hit : LookupKind::negative;
        complete_uncached(*core, flight, {.kind = kind, .entry = std::move(recalled->entry)});
        continue;
      }
      core->keep_candidate(*flight, std::move(recalled->entry), memory_level, recalled->serves);
    }
    begun.push_back(std::move(flight));
  }
  for (const FlightPtr& flight : begun) core->flights.begin_lookup(flight);
  start_lookup(core, std::move(begun), tiers);
}

}  // namespace terrace::cascade
