#include "distribution/repair.hpp"

#include <algorithm>

namespace terrace::distribution {

void Repair::start(std::shared_ptr<ReplicaGroup> group, std::vector<std::string> keys,
                   std::vector<std::size_t> in_charge, Aim aim, Duration limit, Done done) {
  if (keys.empty()) return done({});
  std::make_shared<Repair>(std::move(group), std::move(in_charge), aim, limit, std::move(done))
      ->begin(std::move(keys));
}

void Repair::begin(std::vector<std::string> keys) {
  NodeCalls calls;
  for (auto& key : keys) {
    auto holders = group_->holders(key);
    for (unsigned replica = 0; replica < holders.size(); ++replica) {
      calls[holders[replica]].push_back({keys_.size(), replica});
    }
    const auto copies = holders.size();
    keys_.push_back({std::move(key), std::move(holders), std::vector<std::optional<Copy>>(copies)});
  }
  awaited_ = calls.size();
  for (auto& [node, parts] : calls) read(node, std::move(parts));
}

void Repair::read(std::size_t node, std::vector<Part> parts) {
  auto keys = keys_of(parts, keys_);
  group_->node(node).versioned->read_many(
      std::move(keys), after(group_->now(), limit_),
      [self = shared_from_this(), node, parts = std::move(parts)](std::vector<Result<Reading>> readings) {
        self->heard(node, parts, std::move(readings));
      });
}

void Repair::heard(std::size_t node, const std::vector<Part>& parts, std::vector<Result<Reading>> readings) {
  NodeCalls writes;
  {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      Key& key = keys_[parts[i].position];
      if (!readings[i]) {
        if (readings[i].error() == Errc::corrupt) {
          key.corrupt.push_back(parts[i].replica);
        } else {
          key.unfinished = true;
        }
        continue;
      }
      Copy& copy = readings[i]->copy;
      group_->observe(copy.version);
      const bool counts = std::find(in_charge_.begin(), in_charge_.end(), node) != in_charge_.end() ||
                          group_->standing_of(readings[i]->membership) != Standing::stranger;
      key.unfinished = key.unfinished || !counts;
      const Found alive = copy.value ? Found(std::in_place) : Found();
      key.copies[parts[i].replica] = Copy{copy.version, alive, {}};
      if (counts && outranks(copy, key.best)) key.best = std::move(copy);
    }
    if (--awaited_ > 0) return;
    writes = missing_writes();
    awaited_ = writes.size();
  }
  write_all(std::move(writes));
}

/// The replicas that reported less than the best copy. To delete the key, the best copy is made a tombstone:
/// then these are all replicas where it lives.
NodeCalls Repair::missing_writes() {
  NodeCalls calls;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    Key& key = keys_[i];
    if (!key.corrupt.empty()) overwrite_corrupt(key, i, calls);
    if (key.best.version.none()) continue;
    if (aim_ == Aim::forget) key.best.value.reset();
    for (unsigned replica = 0; replica < key.holders.size(); ++replica) {
      const auto& held = key.copies[replica];
      if (held && outranks(key.best, *held)) calls[key.holders[replica]].push_back({i, replica});
    }
  }
  return calls;
}

/// Damaged data may stand in place of the last confirmed write. So it is replaced only when all the other
/// replicas have reported their copies. If it stands on so many nodes that no other node need have had that
/// write, the key is deleted.
void Repair::overwrite_corrupt(Key& key, std::size_t position, NodeCalls& calls) {
  if (key.unfinished) return;
  const bool lost = group_->strong() && key.corrupt.size() >= group_->quorum().write;
  if (lost || key.best.version.none()) key.best.value.reset();
  if (key.best.version.none()) key.best.version.counter = 1;
  for (const unsigned replica : key.corrupt) calls[key.holders[replica]].push_back({position, replica});
}

void Repair::write_all(NodeCalls calls) {
  if (calls.empty()) return finish();
  for (auto& [node, parts] : calls) write(node, std::move(parts));
}

void Repair::write(std::size_t node, std::vector<Part> parts) {
  std::vector<VersionedWrite> writes;
  for (const auto& part : parts) {
    const Key& key = keys_[part.position];
    writes.push_back({key.key, key.best.version,
                      key.best.value ? std::optional<BytesView>(*key.best.value) : std::nullopt,
                      key.best.ttl});
  }
  group_->counters.repairs += parts.size();
  group_->node(node).versioned->write_many(
      std::move(writes), group_->repair_time(), after(group_->now(), limit_),
      [self = shared_from_this(), parts = std::move(parts)](const std::vector<Result<Written>>& answers) {
        self->confirmed(parts, answers);
      });
}

void Repair::confirmed(const std::vector<Part>& parts, const std::vector<Result<Written>>& answers) {
  {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      Key& key = keys_[parts[i].position];
      key.unfinished = key.unfinished || !answers[i];
    }
    if (--awaited_ > 0) return;
  }
  finish();
}

void Repair::finish() {
  std::vector<std::string> unfinished;
  for (auto& key : keys_) {
    if (key.unfinished) unfinished.push_back(std::move(key.key));
  }
  done_(std::move(unfinished));
}

}  // namespace terrace::distribution
