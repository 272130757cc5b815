#include "distribution/caretaker.hpp"

namespace terrace::distribution {
namespace {

using namespace std::chrono_literals;

constexpr Duration tick = 50ms;            // between checks of which nodes are due
constexpr Duration between_looks = 500ms;  // between looks at a healthy node
constexpr Duration while_away = 100ms;     // for a node that does not answer; asking it costs nothing
constexpr Duration look_limit = 500ms;
constexpr std::size_t hints_at_once = 200;

}  // namespace

Caretaker::Caretaker(std::shared_ptr<ReplicaGroup> group) : group_(std::move(group)) {
  for (std::size_t i = 0; i < group_->size(); ++i)
    cares_.push_back({.backoff = Backoff(100ms, 1s, group_->random())});
}

void Caretaker::start() {
  round();
}

void Caretaker::stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  if (timer_ != 0) group_->scheduler().cancel(timer_);
}

std::vector<std::string> Caretaker::troubles() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> told;
  for (const auto& care : cares_) told.push_back(care.trouble);
  return told;
}

void Caretaker::round() {
  std::vector<std::size_t> due;
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    const TimePoint now = group_->now();
    for (std::size_t i = 0; i < cares_.size(); ++i) {
      if (cares_[i].busy || cares_[i].next > now) continue;
      cares_[i].busy = true;
      due.push_back(i);
    }
    timer_ = group_->scheduler().call_at(after(now, tick), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->round();
    });
  }
  for (const auto node : due) look(node);
}

void Caretaker::look(std::size_t node) {
  group_->node(node).versioned->membership(
      after(group_->now(), look_limit),
      [self = shared_from_this(), node](const Result<Membership>& told) { self->looked(node, told); });
}

void Caretaker::looked(std::size_t index, const Result<Membership>& told) {
  auto& node = group_->node(index);
  const bool first = !node.looked_at.exchange(true);
  if (!told) {
    node.reachable = false;
    if (first) group_->changed();
    return rest(index, while_away, told.error().message());
  }
  const bool member = !group_->check(index, *told);
  const bool due = told->left < group_->repair_time() / 2;
  if (!member || due || node.hints.overflowed() || is_incomplete(index)) return admit(index);
  if (node.hints.size() > 0) return hand_over(index);
  rest(index, between_looks);
}

/// Unfinished keys still count as missed: another holder may be down, and for long, so they must not delay
/// the rest.
void Caretaker::hand_over(std::size_t node) {
  auto keys = group_->node(node).hints.begin_repair(hints_at_once);
  Repair::start(group_, std::move(keys), {}, Repair::Aim::copy, look_limit,
                [self = shared_from_this(), node](const std::vector<std::string>& unfinished) {
                  auto& hints = self->group_->node(node).hints;
                  hints.end_repair(unfinished);
                  self->rest(node, hints.has_fresh() ? Duration::zero() : between_looks);
                });
}

void Caretaker::admit(std::size_t node) {
  Duration waited{};
  {
    std::unique_lock lock(mutex_);
    if (std::exchange(admitting_, true)) {
      lock.unlock();
      return rest(node, Duration::zero());
    }
    auto& since = cares_[node].forgot_at;
    since = std::min(since, group_->now());
    waited = group_->now() - since;
  }
  group_->node(node).hints.begin_comparison();
  auto done = [self = shared_from_this(), node](Admission::Outcome outcome) {
    self->admitted(node, std::move(outcome));
  };
  std::make_shared<Admission>(group_, node, waited, std::move(done))->start();
}

void Caretaker::admitted(std::size_t node, Admission::Outcome outcome) {
  const bool failed = !outcome.why_not.empty();
  group_->node(node).hints.end_comparison(!failed);
  Duration pause{};
  {
    std::lock_guard lock(mutex_);
    admitting_ = false;
    auto& care = cares_[node];
    if (failed) {
      pause = care.backoff.next();
    } else {
      care.backoff.reset();
      care.forgot_at = no_deadline;
      care.incomplete = !outcome.complete;
    }
  }
  rest(node, pause, std::move(outcome.why_not));
}

/// And it could now be compared with all others.
bool Caretaker::is_incomplete(std::size_t node) const {
  {
    std::lock_guard lock(mutex_);
    if (!cares_[node].incomplete) return false;
  }
  for (std::size_t i = 0; i < group_->size(); ++i) {
    if (!group_->node(i).reachable) return false;
  }
  return true;
}

void Caretaker::rest(std::size_t node, Duration pause, std::string trouble) {
  std::lock_guard lock(mutex_);
  cares_[node].busy = false;
  cares_[node].next = after(group_->now(), pause);
  cares_[node].trouble = std::move(trouble);
}

}  // namespace terrace::distribution
