#include "distribution/caretaker.hpp"

namespace terrace::distribution {
namespace {

using namespace std::chrono_literals;

constexpr Duration tick = 50ms;            // between looks at who is due
constexpr Duration between_looks = 500ms;  // at a node that is fine
constexpr Duration while_away = 100ms;     // at one that does not answer; asking it costs nothing
constexpr Duration look_limit = 500ms;
constexpr std::size_t hints_at_once = 200;

}  // namespace

Caretaker::Caretaker(std::shared_ptr<ReplicaGroup> group) : group_(std::move(group)) {
  for (std::size_t i = 0; i < group_->size(); ++i)
    cares_.push_back({.backoff = Backoff(100ms, 2s, random_seed())});
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
  if (!told) {
    node.reachable = false;
    return rest(index, while_away, told.error().message());
  }
  const bool member = !group_->check(index, *told);
  const bool due = told->left < group_->repair_time() / 2;
  if (!member || due || node.hints.overflowed()) return admit(index);
  if (node.hints.size() > 0) return hand_over(index);
  rest(index, between_looks);
}

/// What is not finished is missed still.
void Caretaker::hand_over(std::size_t node) {
  auto keys = group_->node(node).hints.take(hints_at_once);
  const auto taken = keys.size();
  Repair::start(group_, std::move(keys), {}, Repair::Aim::copy, after(group_->now(), look_limit),
                [self = shared_from_this(), node, taken](const std::vector<std::string>& unfinished) {
                  auto& hints = self->group_->node(node).hints;
                  for (const auto& key : unfinished) hints.add(key);
                  const bool more = unfinished.size() < taken && hints.size() > 0;
                  self->rest(node, more ? Duration::zero() : between_looks);
                });
}

void Caretaker::admit(std::size_t node) {
  {
    std::unique_lock lock(mutex_);
    if (std::exchange(admitting_, true)) {
      lock.unlock();
      return rest(node, Duration::zero());
    }
  }
  auto& hints = group_->node(node).hints;
  const bool all_missed = hints.begin_anew();
  std::make_shared<Admission>(group_, node,
                              [self = shared_from_this(), node, all_missed](std::string why_not) {
                                if (!why_not.empty() && all_missed) self->group_->node(node).hints.overflow();
                                Duration pause = between_looks;
                                {
                                  std::lock_guard lock(self->mutex_);
                                  self->admitting_ = false;
                                  if (why_not.empty()) {
                                    self->cares_[node].backoff.reset();
                                  } else {
                                    pause = self->cares_[node].backoff.next();
                                  }
                                }
                                self->rest(node, why_not.empty() ? Duration::zero() : pause,
                                           std::move(why_not));
                              })
      ->start();
}

void Caretaker::rest(std::size_t node, Duration pause, std::string trouble) {
  std::lock_guard lock(mutex_);
  cares_[node].busy = false;
  cares_[node].next = after(group_->now(), pause);
  cares_[node].trouble = std::move(trouble);
}

}  // namespace terrace::distribution
