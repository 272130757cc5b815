/// The load: calls the program's loader for keys that no level has. A load waits for its turn among the loads
/// of the cache, has a soft and a hard time limit, and renews its leases. Its stop token asks the loader to
/// stop when the hard limit is over, or when the cache closes.
///
///     start ──► waits for the budget (max_loads_per_second) ──► waits for a turn ──have_turn──►
///     asks for the tokens of its tags ──begin──► waits for a worker ──run──► the loader runs ──deliver──► ended
///
/// It may skip steps: a load within the budget and with a free slot needs no wait, a load without tags asks for no tokens, and a loader that
/// does not block needs no worker. From each step:
///  - load_timeout ends it (overdue): the callers get an error, the slot is free, and the loader should stop.
///  - All callers have given up (abandoned): the slot is free, and the loader should stop. What it still
///    returns is kept. Before run(), the load just ends.
///  - The caller whose loader it is has given up before run(), or the outcome concerns that caller alone:
///    the loader of another caller takes over.
///  - soft_load_timeout, counted for each caller (answer_early): this caller gets the stale candidate, and the
///    load goes on.
///
/// The outcome of each key: an error ─► fail; a value ─► keep (into the tiers and memory), or answer_only, if
/// the program wants that or if a tag may have been invalidated during the load.

#include <algorithm>
#include <terrace/detail/load_mark.hpp>

#include "cascade/completion.hpp"
#include "cascade/load_waits.hpp"
#include "cascade/reading.hpp"
#include "cascade/tags.hpp"

namespace terrace::cascade {
namespace {

/// One call of one loader. It ends once: with the loader's answer, or at the time limit; a later answer is
/// dropped.
class Load final : public FlightLoad, public LoadBudget::Budgeted, public std::enable_shared_from_this<Load> {
 public:
  Load(std::shared_ptr<Core> core, Waiter source, std::vector<FlightPtr> flights)
      : core_(std::move(core)),
        source_(std::move(source)),
        flights_(std::move(flights)),
        on_closing_(core_->closing.get_token(), [this] {
          std::stop_source stop = stop_;  // a loader that ends in here may end this object
          stop.request_stop();
        }) {
    if (source_.tags) tags_ = *source_.tags;
    for (const auto& flight : flights_) {
      for (std::size_t tier = 0; tier < flight->seen.size(); ++tier) {
        const auto& lease = flight->seen[tier].lease;
        if (lease) leases_.push_back({tier, core_->tier_key(flight->key), *lease});
      }
    }
  }

  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() override {
    if (over_budget_) core_->load_budget->leave(*this);
  }

  /// The time limits begin here, so a load also ends if every slot or worker thread hangs.
  void start(bool waits_for_budget) {
    began_ = core_->now();
    const CacheOptions& options = core_->options;
    at(hard_, options.load_timeout, &Load::overdue);
    const auto has_candidate = [](const FlightPtr& flight) { return flight->candidate.has_value(); };
    answers_early_ =
        options.soft_load_timeout && std::any_of(flights_.begin(), flights_.end(), has_candidate);
    core_->flights.set_load(flights_, weak_from_this());
    joined();
    keep_leases();
    if (!waits_for_budget) return take_turn();
    over_budget_ = true;  // allowed() may come at once
    core_->load_budget->wait(shared_from_this());
    if (urgent()) hurry();
  }

  [[nodiscard]] std::uint64_t heat() const noexcept override {
    std::uint64_t callers = 0;
    for (const auto& flight : flights_) callers = std::max<std::uint64_t>(callers, flight->callers);
    return callers;
  }

  void allowed() override {
    over_budget_ = false;
    if (!ended_) take_turn();
  }

  void hurry() override {
    if (core_->load_budget) core_->load_budget->hurry(*this);
    core_->load_slots.hurry(ticket_);
    if (queued_.exchange(false) && !running_) post(true);  // it is posted twice then, and runs once
  }

  /// The time limit of the one who has joined. If a limit is set already, its end looks for the next one.
  void joined() override {
    if (answers_early_ && !early_set_.exchange(true))
      at(soft_, *core_->options.soft_load_timeout, &Load::answer_early);
  }

  void abandoned() override {
    if (!running_) return restart();
    if (abandoned_.exchange(true)) return;
    stop_.request_stop();
    overtime();
  }

 private:
  struct Lease {
    std::size_t tier;
    std::string key;
    LeaseToken token;
  };

  void at(std::atomic<Scheduler::TimerId>& timer, Duration in, void (Load::*then)()) {
    timer = core_->scheduler->call_at(after(core_->now(), in),
                                      [self = shared_from_this(), then] { ((*self).*then)(); });
  }

  // --- the loader ---

  // A nested read must not wait for a turn or a worker that its own parents hold. That holds for a load that
  // it begins, and also for a load that it joins, which may be waiting already. So the code that lets this
  // load wait checks afterwards whether it has become urgent, and a waiter that makes it urgent calls
  // hurry().

  [[nodiscard]] bool urgent() const { return core_->flights.urgent(flights_); }

  void take_turn() {
    const auto entered =
        core_->load_slots.enter([self = shared_from_this()] { self->have_turn(); }, urgent());
    if (!entered) return end([&](std::size_t i) { fail(flights_[i], entered.error()); });
    ticket_ = *entered;
    if (urgent()) hurry();
  }

  void have_turn() {
    turn_ = Turn::taken;
    if (tags_.empty()) return begin();
    // The tokens are asked for before the load begins: if a tag is invalidated later, its token differs.
    // A loader may give a longer TTL than the cache has. So the tokens last as long as the longest one so far.
    std::optional<Duration> ttl = core_->options.ttl;
    if (ttl) ttl = std::max(*ttl, core_->counters.longest_ttl.get());
    make_tag_tokens(core_, tags_, core_->whole_life(ttl),
                    [self = shared_from_this()](const Result<std::vector<Token>>& tokens) {
                      TagTable& table = self->core_->tags;
                      self->marks_ =
                          tokens ? table.mark(self->tags_, *tokens) : table.mark_unverified(self->tags_);
                      self->begin();
                    });
  }

  void begin() {
    if (!source_.loader->blocks()) return run();
    const bool nested = urgent();
    if (!post(nested) || nested) return;
    queued_ = true;
    if (urgent()) hurry();
  }

  bool post(bool nested) {
    const auto posted = core_->scheduler->post_load([self = shared_from_this()] { self->run(); }, nested);
    if (posted) return true;
    end([&](std::size_t i) { fail(flights_[i], posted.error()); });
    give_turn_back();
    return false;
  }

  void run() {
    if (running_.exchange(true)) return;
    if (ended_) return give_turn_back();
    // The objects that its loader refers to may be gone with a caller that has left: another waiter's loader
    // is taken.
    if (!source_.call->open()) return restart();
    core_->counters.add(&CacheStats::loads, flights_.size());
    load_began_ = core_->now();
    tag_changes_ = core_->tags.changes();
    request_.stop = stop_.get_token();
    for (const auto& flight : flights_) {
      request_.keys.push_back(flight->key);
      request_.previous.push_back(flight->candidate ? flight->candidate->entry.value : nullptr);
    }
    request_.others_wait = [this] {
      return std::any_of(flights_.begin(), flights_.end(), [this](const FlightPtr& flight) {
        return core_->flights.has_other_loader(flight, *source_.call);
      });
    };
    const auto running = std::make_shared<LoadNode>();
    LoadWaits::begin(flights_, running);
    const LoadMark mark(running);
    source_.loader->load(request_, [self = shared_from_this(), running](std::vector<Loaded> loaded) {
      running->end();
      const LoadMark over(nullptr);  // reads that follow from the answer are not the loader's
      self->give_turn_back();
      self->end([&](std::size_t i) { self->deliver(self->flights_[i], std::move(loaded[i])); });
      if (!self->again_.empty())
        start_load(self->core_, self->again_);  // at once: a bulk loader is called once
    });
  }

  /// The load begins again with the loaders of other callers, if there are any.
  void restart() {
    give_turn_back();
    if (ended_.exchange(true)) return;
    cancel_timers();
    start_load(core_, flights_);
  }

  // --- the turn among the loads of the cache ---

  enum class Turn : std::uint8_t { none, taken, overdue, given_back };

  void give_turn_back() {
    const Turn had = turn_.exchange(Turn::given_back);
    if (had == Turn::taken) core_->load_slots.leave();
    if (had == Turn::overdue) core_->load_slots.came_back();
  }

  /// The loader runs on, but nobody waits for it: the others need not wait for its slot.
  void overtime() {
    Turn had = Turn::taken;
    if (turn_.compare_exchange_strong(had, Turn::overdue)) core_->load_slots.overtime();
  }

  // --- time ---

  /// The stop comes last: the outcome of a loader that then ends at once is dropped.
  void overdue() {
    overtime();
    end([&](std::size_t i) {
      fail(flights_[i], Error(Errc::timed_out, "the loader of " + printable_key(flights_[i]->key) +
                                                   " took longer than load_timeout"));
    });
    stop_.request_stop();
  }

  /// Answers the callers whose limit is over, and sets the limit of the next one.
  void answer_early() {
    if (ended_) return;
    early_set_ = false;
    const Duration limit = *core_->options.soft_load_timeout;
    std::optional<TimePoint> next;
    for (const auto& flight : flights_) {
      if (flight->candidate) answer_stale(*core_, flight, core_->now() - limit, next);
    }
    if (next && !early_set_.exchange(true))
      at(soft_, after(*next, limit) - core_->now(), &Load::answer_early);
  }

  /// A process that dies renews nothing. So another one may take over soon, however long a load may take.
  void keep_leases() {
    if (!leases_.empty()) at(renewal_, core_->options.lease_time / 3, &Load::renew);
  }

  void renew() {
    if (ended_) return;
    for (const Lease& lease : leases_) {
      core_->ask<bool>(
          [&](TimePoint deadline, Handler<Result<bool>> done) {
            core_->levels[lease.tier]->shared->renew(lease.key, lease.token, core_->options.lease_time,
                                                     deadline, std::move(done));
          },
          [self = shared_from_this(), tier = lease.tier](const Result<bool>& renewed) {
            // Lost without an error: the fill will be rejected.
            const Core& core = *self->core_;
            if (!renewed) core.levels[tier]->lease_errors.add(renewed.error(), core.now());
          });
    }
    keep_leases();
  }

  void cancel_timers() {
    if (over_budget_.exchange(false)) core_->load_budget->leave(*this);
    for (auto* timer : {&hard_, &soft_, &renewal_}) core_->scheduler->cancel(*timer);
  }

  // --- the outcome ---

  template <class Each>
  void end(Each each) {
    if (ended_.exchange(true)) return;
    cancel_timers();
    core_->counters.load_latency.record(core_->now() - began_);
    for (std::size_t i = 0; i < flights_.size(); ++i) each(i);
  }

  /// `end`: only a failure of the loader itself concerns the processes that wait for this load. A limit of
  /// this process does not.
  void fail(const FlightPtr& flight, const Error& why, LeaseEnd end = LeaseEnd::untold) {
    core_->counters.add(&CacheStats::load_failures);
    complete_load_failed(*core_, flight, why, end);
  }

  void deliver(const FlightPtr& flight, Loaded loaded) {
    if (!loaded.value) {
      if (abandoned_ || loaded.only_own) return hand_over(flight, loaded.value.error());
      return fail(flight, loaded.value.error(), LeaseEnd::failed);
    }
    auto tags = tags_;
    tags.insert(tags.end(), loaded.tags.begin(), loaded.tags.end());
    if (const auto refused = refuse_tags(tags)) {
      return fail(flight, Error(Errc::loader_failed, "the loader of " + printable_key(flight->key) +
                                                         " gave an invalid tag: " + refused->context));
    }
    if (loaded.not_modified) {
      if (!flight->candidate) {
        return fail(flight, Error(Errc::loader_failed,
                                  "the loader returned unchanged, but there is no previous value"));
      }
      loaded.value = flight->candidate->entry.value;
    }
    core_->counters.longest_load.add(core_->now() - load_began_);
    if (loaded.ttl) core_->counters.longest_ttl.add(*loaded.ttl);
    const CacheOptions& options = core_->options;
    const bool negative = *loaded.value == nullptr;
    Answer answer{.kind = negative ? LookupKind::negative : LookupKind::hit,
                  .level = core_->levels.size() + 1};
    answer.entry = {.value = std::move(*loaded.value),
                    .created = core_->now(),
                    .fresh_until = core_->expiry(loaded.ttl ? loaded.ttl
                                                 : negative ? options.negative_ttl
                                                            : options.ttl),
                    .grace = negative ? Duration::zero() : options.grace,
                    .load_time = core_->now() - began_};
    if (!loaded.keep) return answer_only(flight, answer);
    if (negative && !answer.entry.fresh_until) return complete_with_fill(core_, flight, answer, {});
    tag(flight, std::move(answer), std::move(loaded.tags));
  }

  /// The error concerns the caller of this loader only: it was asked to stop because that caller had
  /// given up, or it could not run where that caller is. Other callers have joined meanwhile.
  void hand_over(const FlightPtr& flight, const Error& why) {
    if (core_->closed)
      return fail(flight, Error(Errc::shutdown, "cache " + core_->options.name + " is closed"));
    core_->counters.add(&CacheStats::load_failures);
    auto own = core_->flights.take_waiters_of(flight, *source_.call);
    answer_callers(*core_, flight, std::move(own), core_->candidate_or(flight, why), {flight->began, false});
    again_.push_back(flight);
  }

  /// Coherence rule "Tags": the tags that a loader returns become known only after the load. Such a tag may
  /// have been invalidated while the loader ran, unless its token was known before; then the value is not
  /// kept. If its token cannot be asked for, it counts whether this process has noticed an invalidation.
  void tag(const FlightPtr& flight, Answer answer, std::vector<std::string> late) {
    answer.entry.tags = marks_;
    if (late.empty()) return keep(flight, answer);
    const auto gone = answer.entry.gone();
    const std::optional<Duration> life = gone ? std::optional(*gone - core_->now()) : std::nullopt;
    make_tag_tokens(core_, late, life,
                    [self = shared_from_this(), flight, answer = std::move(answer),
                     late](const Result<std::vector<Token>>& tokens) mutable {
                      TagTable& table = self->core_->tags;
                      const bool may_keep =
                          tokens ? self->known_before(late) : table.changes() == self->tag_changes_;
                      if (!may_keep) return self->reject_fill(flight, answer);
                      auto all = *(tokens ? table.mark(late, *tokens) : table.mark_unverified(late));
                      if (self->marks_) all.insert(all.begin(), self->marks_->begin(), self->marks_->end());
                      answer.entry.tags = std::make_shared<const std::vector<TagMark>>(std::move(all));
                      self->keep(flight, answer);
                    });
  }

  [[nodiscard]] bool known_before(const std::vector<std::string>& tags) const {
    if (core_->options.consistency == Consistency::weak) return true;
    return core_->trusts_tags() && std::all_of(tags.begin(), tags.end(), [&](const std::string& tag) {
             return core_->tags.known_since(tag, load_began_);
           });
  }

  void keep(const FlightPtr& flight, const Answer& answer) {
    const auto missed = [](const auto& seen) { return seen.missed; };
    if (!can_be_stored(answer.entry.tags) || std::none_of(flight->seen.begin(), flight->seen.end(), missed))
      return complete_with_fill(core_, flight, answer, {});
    const auto stored = core_->seal_up(flight->key, answer.entry);
    // A value that is too large for the tiers stays in memory only.
    complete_with_fill(core_, flight, answer, stored ? BytesView(*stored) : BytesView());
  }

  /// A tier needs the token of each tag. Without one the entry stays in memory, as long as an entry that is
  /// not watched.
  static bool can_be_stored(const TagMarks& marks) {
    return marks == nullptr || std::none_of(marks->begin(), marks->end(),
                                            [](const TagMark& mark) { return mark.token == unknown_token; });
  }

  void reject_fill(const FlightPtr& flight, const Answer& answer) {
    core_->counters.add(&CacheStats::rejected_fills);
    answer_only(flight, answer);
  }

  /// The waiting callers get the answer, and no level keeps it.
  void answer_only(const FlightPtr& flight, const Answer& answer) {
    const bool absent = answer.kind == LookupKind::negative;
    release_leases(*core_, flight, absent ? LeaseEnd::absent : LeaseEnd::not_kept);
    complete_uncached(*core_, flight, answer);
  }

  const std::shared_ptr<Core> core_;
  const Waiter source_;  // the waiter whose loader it is
  const std::vector<FlightPtr> flights_;
  std::vector<Lease> leases_;
  std::vector<std::string> tags_;
  std::vector<FlightPtr> again_;  // handed over to the loaders of other callers
  TagMarks marks_;                // of tags_
  std::uint64_t tag_changes_ = 0;
  LoadRequest request_;
  TimePoint began_;
  TimePoint load_began_;
  std::atomic<Scheduler::TimerId> hard_{0};
  std::atomic<Scheduler::TimerId> soft_{0};
  std::atomic<Scheduler::TimerId> renewal_{0};
  std::atomic<bool> ended_{false};
  std::atomic<bool> over_budget_{false};  // waits for the budget
  std::atomic<bool> abandoned_{false};
  std::atomic<Turn> turn_{Turn::none};
  std::atomic<LoadSlots::Ticket> ticket_{0};
  bool answers_early_ = false;          // set before the callers reach it
  std::atomic<bool> early_set_{false};  // soft_ is set
  std::atomic<bool> queued_{false};     // posted, and may wait for a worker
  std::atomic<bool> running_{false};
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> on_closing_;
};

/// False: these flights must wait for the budget of the cache (max_loads_per_second). Those that have a
/// candidate do not wait: they end with it, and a later reader tries again.
bool within_budget(Core& core, std::vector<FlightPtr>& flights) {
  if (!core.load_budget || core.load_budget->take(core.flights.urgent(flights))) return true;
  const Error why(Errc::overloaded, "the limit of max_loads_per_second is reached");
  std::erase_if(flights, [&](const FlightPtr& flight) {
    if (!flight->candidate) return false;
    complete_failed(core, flight, why);
    return true;
  });
  return false;
}

}  // namespace

void start_load(std::shared_ptr<Core> core, const std::vector<FlightPtr>& flights) {
  // One call of a loader loads all keys whose readers have this loader.
  std::vector<std::pair<Waiter, std::vector<FlightPtr>>> groups;
  for (const auto& flight : flights) {
    if (const auto paused = core->load_pause(flight->key)) {
      complete_failed(*core, flight, *paused);
      continue;
    }
    auto source = core->flights.choose_loader(flight);
    if (!source) {
      complete_failed(*core, flight, Error(Errc::timed_out, "all waiting callers have given up"));
      continue;
    }
    const auto same = [&](const auto& group) { return group.first.loader == source->loader; };
    auto group = std::find_if(groups.begin(), groups.end(), same);
    if (group == groups.end()) group = groups.insert(group, {std::move(*source), {}});
    group->second.push_back(flight);
  }
  for (auto& [source, group] : groups) {
    const bool waits = !within_budget(*core, group);
    if (!group.empty()) std::make_shared<Load>(core, std::move(source), std::move(group))->start(waits);
  }
}

}  // namespace terrace::cascade
