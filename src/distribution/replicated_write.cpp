#include "distribution/replicated_write.hpp"

#include <algorithm>
#include <boost/unordered/unordered_flat_set.hpp>
#include <terrace/hash.hpp>

#include "base/assert.hpp"

namespace terrace::distribution {
namespace {

/// A write that still meets a higher version after this many rounds was overtaken: the other write is the
/// last one.
constexpr unsigned most_rounds = 3;

/// Versions are read with the quorum of reads, but no node is brought up to date.
Quorum of_versions(Quorum quorum) {
  quorum.writes_back = false;
  return quorum;
}

/// A change that outlives the call it came with.
struct OwnedChange {
  explicit OwnedChange(const Change& change)
      : key(change.key),
        value(change.value ? std::optional<Bytes>(std::in_place, *change.value) : std::nullopt),
        ttl(change.ttl),
        order(change.order),
        version(change.version) {}

  [[nodiscard]] Change view() const {
    return {key, value ? std::optional<BytesView>(*value) : std::nullopt, ttl, order, version};
  }

  std::string key;
  std::optional<Bytes> value;
  std::optional<Duration> ttl;
  std::uint64_t order;
  std::optional<Version> version;
};

}  // namespace

ReplicatedWrite::Key::Key(const Change& change, const ReplicaGroup& group)
    : key(change.key),
      value(change.value ? std::optional<Bytes>(std::in_place, *change.value) : std::nullopt),
      ttl(change.ttl),
      order(change.order),
      chosen(change.version),
      holders(group.holders(change.key)),
      before(of_versions(group.quorum())),
      vote(group.quorum()),
      version(change.version.value_or(Version())) {}

/// Later changes of a key wait until the earlier ones have ended.
void ReplicatedWrite::start(std::shared_ptr<ReplicaGroup> group, const std::vector<Change>& changes,
                            TimePoint deadline, Done done) {
  boost::unordered_flat_set<std::string_view, KeyHash> seen;
  std::vector<Change> first;
  std::vector<std::size_t> later;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (seen.insert(changes[i].key).second) {
      first.push_back(changes[i]);
    } else {
      later.push_back(i);
    }
  }
  if (later.empty()) return start_distinct(std::move(group), changes, deadline, std::move(done));
  auto rest = std::make_shared<std::vector<OwnedChange>>();
  for (const auto i : later) rest->emplace_back(changes[i]);
  auto merge = [later, done = std::move(done)](std::vector<Result<bool>> ended,
                                               std::vector<Result<bool>> after) mutable {
    for (std::size_t i = 0; i < later.size(); ++i) {
      ended.insert(ended.begin() + static_cast<std::ptrdiff_t>(later[i]), std::move(after[i]));
    }
    done(std::move(ended));
  };
  start_distinct(
      group, first, deadline,
      [group, rest, deadline, merge = std::move(merge)](std::vector<Result<bool>> ended) mutable {
        std::vector<Change> again;
        for (const auto& change : *rest) again.push_back(change.view());
        start(group, again, deadline,
              [rest, ended = std::move(ended), merge = std::move(merge)](
                  std::vector<Result<bool>> after) mutable { merge(std::move(ended), std::move(after)); });
      });
}

void ReplicatedWrite::start_distinct(std::shared_ptr<ReplicaGroup> group, const std::vector<Change>& changes,
                                     TimePoint deadline, Done done) {
  if (changes.empty()) return done({});
  const auto is_opening = [&](const Change& change) {
    return group->is_opening(change.key, ReplicaGroup::Need::write);
  };
  if (std::none_of(changes.begin(), changes.end(), is_opening)) {
    return start_now(std::move(group), changes, deadline, std::move(done));
  }
  std::vector<std::string_view> keys;
  for (const Change& change : changes) keys.push_back(change.key);
  group->when_open(keys, ReplicaGroup::Need::write, deadline,
                   [group, owned = std::vector<OwnedChange>(changes.begin(), changes.end()), deadline,
                    done = std::move(done)]() mutable {
                     std::vector<Change> views;
                     for (const auto& change : owned) views.push_back(change.view());
                     start_now(std::move(group), views, deadline, std::move(done));
                   });
}

void ReplicatedWrite::start_now(std::shared_ptr<ReplicaGroup> group, const std::vector<Change>& changes,
                                TimePoint deadline, Done done) {
  auto write = std::make_shared<ReplicatedWrite>(std::move(group), deadline, std::move(done));
  Next first;
  {
    std::lock_guard lock(write->mutex_);
    ++write->sending_;
    write->keys_.reserve(changes.size());
    write->open_ = changes.size();
    for (std::size_t i = 0; i < changes.size(); ++i) {
      Key& key = write->keys_.emplace_back(changes[i], *write->group_);
      if (key.chosen) {
        write->write_everywhere(key, i, first);
        continue;
      }
      if (!write->group_->strong() && key.order == 0) {
        write->write_above(key, i, {}, first);
        continue;
      }
      for (unsigned replica = 0; replica < key.holders.size(); ++replica) {
        key.before.asked(replica);
        first.versions[key.holders[replica]].push_back({i, replica});
      }
    }
  }
  write->proceed(std::move(first));
}

// ---- Calls, without the lock. The data of a key that they read does not change while they are under way,
// except its version.

void ReplicatedWrite::send(Next next) {
  for (auto& [node, parts] : next.versions) ask_versions(node, std::move(parts));
  for (auto& [node, parts] : next.writes) write(node, std::move(parts));
}

void ReplicatedWrite::ask_versions(std::size_t node, std::vector<Part> parts) {
  auto keys = keys_of(parts, keys_);
  group_->node(node).versioned->versions_many(
      std::move(keys), deadline_,
      [self = shared_from_this(), node, parts = std::move(parts)](
          const std::vector<Result<Written>>& answers) { self->told_versions(node, parts, answers); });
}

void ReplicatedWrite::write(std::size_t node, std::vector<Part> parts) {
  std::vector<VersionedWrite> writes;
  {
    std::lock_guard lock(mutex_);
    // Meanwhile another node may have reported a higher version. Then all nodes are sent the next round, and
    // a node counted twice would pass for two.
    std::erase_if(parts, [&](const Part& part) { return part.round != keys_[part.position].round; });
    for (const auto& part : parts) {
      const Key& key = keys_[part.position];
      group_->node(node).under_way.begin(key.key);
      writes.push_back(
          {key.key, key.version, key.value ? std::optional<BytesView>(*key.value) : std::nullopt, key.ttl});
    }
  }
  if (parts.empty()) return;
  group_->node(node).versioned->write_many(
      std::move(writes), group_->repair_time(), deadline_,
      [self = shared_from_this(), node, parts = std::move(parts)](
          const std::vector<Result<Written>>& answers) { self->confirmed(node, parts, answers); });
}

// ---- Answers

void ReplicatedWrite::told_versions(std::size_t node, const std::vector<Part>& parts,
                                    const std::vector<Result<Written>>& answers) {
  TERRACE_ASSERT(answers.size() == parts.size());
  Next next;
  {
    std::lock_guard lock(mutex_);
    ++sending_;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      Key& key = keys_[parts[i].position];
      if (!answers[i]) {
        if (answers[i].error() == Errc::unavailable) group_->node(node).reachable = false;
        if (answers[i].error() == Errc::corrupt) group_->found_corrupt(node, key.key);
        key.before.lost(parts[i].replica, answers[i].error());
      } else if (auto why = group_->check(node, answers[i]->membership)) {
        key.before.lost(parts[i].replica, *why);
      } else {
        group_->observe(answers[i]->held);
        Copy copy{answers[i]->held, answers[i]->live ? Found(std::in_place) : Found(), {}};
        key.before.heard(parts[i].replica, std::move(copy));
      }
      if (key.open && key.round == 0) choose_version(key, parts[i].position, next);
    }
  }
  proceed(std::move(next));
}

void ReplicatedWrite::choose_version(Key& key, std::size_t position, Next& next) {
  switch (key.before.verdict()) {
    case Verdict::wait:
      return;
    case Verdict::failed:
      return close(key, key.before.why(printable_key(key.key) + " (nothing was written)"));
    case Verdict::done:
      key.was_live = key.before.best().value.has_value();
      return write_above(key, position, key.before.best().version, next);
  }
}

void ReplicatedWrite::write_above(Key& key, std::size_t position, const Version& seen, Next& next) {
  const auto above = group_->version_above(seen, ReplicaGroup::Rank::write);
  // There is no version above one near the highest. A deletion takes effect at an equal version, too.
  if (!above && key.value) return close(key, above.error());
  key.version = above ? *above : seen;
  // A write with an order competes with others under the counter of the live value that they replace; with
  // equal order the first one stays.
  if (key.order != 0) {
    key.version = {key.was_live ? seen.counter : key.version.counter, 0, key.order};
  }
  write_everywhere(key, position, next);
}

void ReplicatedWrite::write_everywhere(Key& key, std::size_t position, Next& next) {
  ++key.round;
  key.vote = WriteVote(group_->quorum());
  for (unsigned replica = 0; replica < key.holders.size(); ++replica) {
    next.writes[key.holders[replica]].push_back({position, replica, key.round});
  }
}

void ReplicatedWrite::confirmed(std::size_t node, const std::vector<Part>& parts,
                                const std::vector<Result<Written>>& answers) {
  TERRACE_ASSERT(answers.size() == parts.size());
  Next next;
  {
    std::lock_guard lock(mutex_);
    ++sending_;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      Key& key = keys_[parts[i].position];
      if (parts[i].round == key.round) confirmed_one(key, parts[i], node, answers[i], next);
      group_->node(node).under_way.end(key.key);  // now that the missed write is among the hints
    }
  }
  proceed(std::move(next));
}

void ReplicatedWrite::confirmed_one(Key& key, Part part, std::size_t node, const Result<Written>& answer,
                                    Next& next) {
  if (!answer) {
    if (answer.error() == Errc::unavailable) group_->node(node).reachable = false;
    if (!is_the_request(answer.error())) group_->node(node).hints.add(key.key);
    key.vote.lost(answer.error());
  } else if (auto why = group_->check(node, answer->membership);
             why && group_->level() != Consistency::weak) {
    // It accepted the write, but may lose it again: its admission purges it, and may have passed the key
    // already.
    why->code = make_error_code(Errc::effect_unknown);
    group_->node(node).hints.add(key.key);
    key.vote.lost(*why);
  } else {
    group_->observe(answer->held);
    key.was_live = key.was_live || (!group_->strong() && answer->live);
    if (answer->held > key.version) {
      const bool may_pass = !group_->strong() && key.order == 0 && !key.chosen && key.round < most_rounds;
      if (key.open && may_pass) return write_above(key, part.position, answer->held, next);
      too_late(key, node);
    }
    key.vote.confirmed();
  }
  if (!key.open) return;
  const Verdict verdict = key.vote.verdict();
  if (verdict == Verdict::done) close(key, key.chosen ? !key.overtaken : key.was_live);
  if (verdict == Verdict::failed) {
    const Error why = key.vote.why(printable_key(key.key));
    if (why == Errc::effect_unknown) ++group_->counters.unknown;
    close(key, why);
  }
}

/// The node holds a newer value, which the nodes that accepted this write may lack.
void ReplicatedWrite::too_late(Key& key, std::size_t node) {
  key.overtaken = true;
  for (const auto holder : key.holders) {
    if (holder != node) group_->node(holder).hints.add(key.key);
  }
}

void ReplicatedWrite::close(Key& key, Result<bool> outcome) {
  TERRACE_ASSERT(key.open && open_ > 0);
  key.outcome = std::move(outcome);
  key.open = false;
  --open_;
}

/// Sends the next requests. Answers when all keys are decided and everything to be sent was sent. Nodes
/// answer while the write is still to be sent to others, and a caller that has its answer may continue at
/// once: a node must get this write before the caller's next one.
void ReplicatedWrite::proceed(Next next) {
  send(std::move(next));
  Done done;
  std::vector<Result<bool>> outcomes;
  {
    std::lock_guard lock(mutex_);
    TERRACE_ASSERT(sending_ > 0);
    --sending_;
    if (sending_ > 0 || open_ > 0 || !done_) return;
    done = std::exchange(done_, nullptr);
    for (auto& key : keys_) {
      TERRACE_ASSERT(!key.open);
      outcomes.push_back(std::move(key.outcome));
    }
  }
  done(std::move(outcomes));
}

}  // namespace terrace::distribution
