#include "distribution/replicated_read.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace terrace::distribution {
namespace {

/// If a node that was asked first is silent for this long, others are asked, too.
constexpr Duration patience = std::chrono::milliseconds(20);

}  // namespace

void ReplicatedRead::start(std::shared_ptr<ReplicaGroup> group, const std::vector<std::string_view>& keys,
                           TimePoint deadline, Done done) {
  if (keys.empty()) return done({});
  for (const auto key : keys) {
    if (!group->is_opening(key, ReplicaGroup::Need::read)) continue;
    auto begin = [group, owned = std::vector<std::string>(keys.begin(), keys.end()), deadline,
                  done = std::move(done)]() mutable {
      start_now(std::move(group), {owned.begin(), owned.end()}, deadline, std::move(done));
    };
    return group->when_open(keys, ReplicaGroup::Need::read, deadline, std::move(begin));
  }
  start_now(std::move(group), keys, deadline, std::move(done));
}

void ReplicatedRead::start_now(std::shared_ptr<ReplicaGroup> group, const std::vector<std::string_view>& keys,
                               TimePoint deadline, Done done) {
  auto read = std::make_shared<ReplicatedRead>(std::move(group), deadline, std::move(done));
  Next first;
  {
    std::lock_guard lock(read->mutex_);
    read->keys_.reserve(keys.size());
    for (const auto key : keys) read->add(key, first.reads);
    read->open_ = keys.size();
    if (!read->group_->strong()) read->arm_hedge();
  }
  read->send(std::move(first));
}

/// The nodes most likely to have the value come first: those that answer, are members, and have missed no
/// write of the key, as far as this process knows.
void ReplicatedRead::add(std::string_view key, NodeCalls& first) {
  Key added{std::string(key), group_->holders(key), ReadVote(group_->quorum())};
  if (!group_->strong()) {
    std::stable_partition(added.holders.begin(), added.holders.end(), [&](std::size_t index) {
      const auto& node = group_->node(index);
      return node.reachable && node.standing == Standing::member && !node.may_lack(added.key);
    });
  }
  const std::size_t position = keys_.size();
  keys_.push_back(std::move(added));
  const unsigned at_first = group_->strong() ? group_->quorum().copies : group_->quorum().read;
  for (unsigned i = 0; i < at_first; ++i) ask(keys_.back(), position, first);
}

void ReplicatedRead::ask(Key& key, std::size_t position, NodeCalls& calls) {
  const auto replica = key.vote.next_unasked();
  if (!replica) return;
  key.vote.asked(*replica);
  calls[key.holders[*replica]].push_back({position, *replica});
}

// ---- Calls, without the lock

void ReplicatedRead::send(Next next) {
  for (auto& [node, parts] : next.reads) read(node, std::move(parts));
  for (auto& [node, parts] : next.write_backs) write_back(node, std::move(parts));
}

void ReplicatedRead::read(std::size_t node, std::vector<Part> parts) {
  auto keys = keys_of(parts, keys_);
  group_->node(node).versioned->read_many(
      std::move(keys), deadline_,
      [self = shared_from_this(), node, parts = std::move(parts)](std::vector<Result<Reading>> readings) {
        self->heard(node, parts, std::move(readings));
      });
}

void ReplicatedRead::write_back(std::size_t node, std::vector<Part> parts) {
  std::vector<Copy> copies;
  {
    std::lock_guard lock(mutex_);
    // If a key is decided meanwhile, the caller has the best copy, and the nodes that lag behind have a hint.
    std::erase_if(parts, [&](const Part& part) { return !keys_[part.position].open; });
    for (const auto& part : parts) copies.push_back(keys_[part.position].vote.best());
  }
  if (parts.empty()) return;
  std::vector<VersionedWrite> writes;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Copy& copy = copies[i];
    writes.push_back({keys_[parts[i].position].key, copy.version,
                      copy.value ? std::optional<BytesView>(*copy.value) : std::nullopt, copy.ttl});
  }
  group_->counters.write_backs += parts.size();
  group_->node(node).versioned->write_many(
      std::move(writes), group_->repair_time(), deadline_,
      [self = shared_from_this(), node, parts = std::move(parts)](
          const std::vector<Result<Written>>& answers) { self->confirmed(node, parts, answers); });
}

// ---- Answers

void ReplicatedRead::heard(std::size_t node, const std::vector<Part>& parts,
                           std::vector<Result<Reading>> readings) {
  TERRACE_ASSERT(readings.size() == parts.size());
  Next next;
  {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      Key& key = keys_[parts[i].position];
      auto& reading = readings[i];
      if (!reading) {
        if (reading.error() == Errc::unavailable) group_->node(node).reachable = false;
        if (reading.error() == Errc::corrupt) group_->found_corrupt(node, key.key);
        key.vote.lost(parts[i].replica, reading.error());
      } else if (auto why = group_->check(node, reading->membership);
                 why && group_->level() != Consistency::weak) {
        key.vote.lost(parts[i].replica, *why);
      } else {
        group_->observe(reading->copy.version);
        if (!key.open) late(key, node, reading->copy);
        key.vote.heard(parts[i].replica, std::move(reading->copy));
      }
      advance(parts[i].position, next);
    }
  }
  proceed(std::move(next));
}

void ReplicatedRead::confirmed(std::size_t node, const std::vector<Part>& parts,
                               const std::vector<Result<Written>>& answers) {
  TERRACE_ASSERT(answers.size() == parts.size());
  Next next;
  {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      Key& key = keys_[parts[i].position];
      if (!answers[i]) {
        group_->node(node).hints.add(key.key);
        key.vote.lost(parts[i].replica, answers[i].error());
      } else if (auto why = group_->check(node, answers[i]->membership)) {
        group_->node(node).hints.add(key.key);  // it may lose it again
        key.vote.lost(parts[i].replica, *why);
      } else {
        key.vote.confirmed(parts[i].replica, answers[i]->held);
      }
      advance(parts[i].position, next);
    }
  }
  proceed(std::move(next));
}

/// The result of the votes on a key so far.
void ReplicatedRead::advance(std::size_t position, Next& next) {
  Key& key = keys_[position];
  if (!key.open) return;
  switch (key.vote.verdict()) {
    case Verdict::failed:
      return close(key, key.vote.why(printable_key(key.key)));
    case Verdict::done:
      key.decided = key.vote.best().version;
      for (unsigned i = 0; i < key.holders.size(); ++i) {
        if (key.vote.is_behind(i)) group_->node(key.holders[i]).hints.add(key.key);
      }
      return close(key, key.vote.take_best());
    case Verdict::wait:
      if (key.vote.wants_more()) ask(key, position, next.reads);
      for (const unsigned replica : key.vote.to_write_back()) {
        key.vote.written_back(replica);
        next.write_backs[key.holders[replica]].push_back({position, replica});
      }
  }
}

void ReplicatedRead::close(Key& key, Result<Copy> outcome) {
  TERRACE_ASSERT(key.open && open_ > 0);
  key.outcome = std::move(outcome);
  key.open = false;
  --open_;
}

/// A node that answers after the key is decided may lag behind the decision, or be ahead; then the others lag
/// behind.
void ReplicatedRead::late(Key& key, std::size_t node, const Copy& copy) {
  if (copy.version == key.decided) return;
  if (copy.version < key.decided) return group_->node(node).hints.add(key.key);
  for (const auto other : key.holders) {
    if (other != node) group_->node(other).hints.add(key.key);
  }
}

/// Sends the next requests, and answers when all keys are decided.
void ReplicatedRead::proceed(Next next) {
  send(std::move(next));
  Done done;
  std::vector<Result<Copy>> outcomes;
  Scheduler::TimerId timer = 0;
  {
    std::lock_guard lock(mutex_);
    if (open_ > 0 || !done_) return;
    done = std::exchange(done_, nullptr);
    for (auto& key : keys_) {
      TERRACE_ASSERT(!key.open);
      outcomes.push_back(std::move(key.outcome));
    }
    timer = std::exchange(hedge_, 0);
  }
  if (timer != 0) group_->scheduler().cancel(timer);
  done(std::move(outcomes));
}

// ---- Time

void ReplicatedRead::arm_hedge() {
  const TimePoint now = group_->now();
  const Duration left = deadline_ == no_deadline ? patience : (deadline_ - now) / 4;
  hedge_ = group_->scheduler().call_at(after(now, std::min(patience, left)),
                                       [self = shared_from_this()] { self->hedge(); });
}

void ReplicatedRead::hedge() {
  Next next;
  {
    std::lock_guard lock(mutex_);
    hedge_ = 0;
    if (open_ == 0) return;
    bool more = false;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (!keys_[i].open) continue;
      ask(keys_[i], i, next.reads);
      more = more || keys_[i].vote.next_unasked();
    }
    if (more) arm_hedge();
  }
  proceed(std::move(next));
}

}  // namespace terrace::distribution
