#include "redis/topology.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace terrace::redis {

Topology::Topology(TimePoint now, std::vector<Address> seeds, std::uint64_t random_seed,
                   TopologyTiming timing)
    : seeds_(std::move(seeds)), timing_(timing), random_(random_seed), due_(now), earliest_(now) {}

const Address* Topology::primary_of(Slot slot) const noexcept {
  const ShardIndex owner = owners_[slot];
  return owner == nobody ? nullptr : &shards_[owner].primary;
}

const std::vector<Address>& Topology::replicas_of(Slot slot) const noexcept {
  static const std::vector<Address> none;
  const ShardIndex owner = owners_[slot];
  return owner == nobody ? none : shards_[owner].replicas;
}

std::set<Address> Topology::primaries() const {
  std::vector<bool> serves(shards_.size());
  for (const ShardIndex owner : owners_) {
    if (owner != nobody) serves[owner] = true;
  }
  std::set<Address> primaries;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    if (serves[i]) primaries.insert(shards_[i].primary);
  }
  return primaries;
}

std::size_t Topology::slots_covered() const noexcept {
  return slot_count - static_cast<std::size_t>(std::count(owners_.begin(), owners_.end(), nobody));
}

Topology::ShardIndex Topology::shard_of(const Address& primary) {
  const auto [known, is_new] = shard_of_.try_emplace(primary, static_cast<ShardIndex>(shards_.size()));
  if (is_new) shards_.push_back({primary});
  return known->second;
}

bool Topology::moved(Slot slot, const Address& to) {
  if (nodes_.size() >= most_nodes && !nodes_.contains(to)) return false;
  owners_[slot] = shard_of(to);
  nodes_.insert(to);
  return true;
}

// ---- Refreshes

TimePoint Topology::want(TimePoint now) {
  if (round_) return now;
  due_ = std::min(due_, std::max(now, earliest_));
  return due_;
}

TimePoint Topology::due() const noexcept {
  if (!round_) return due_;
  return asked_ ? no_deadline : TimePoint::min();
}

std::optional<Address> Topology::ask(TimePoint now) {
  if (asked_ || (!round_ && now < due_)) return std::nullopt;
  if (!round_) plan_round();
  TERRACE_ASSERT(!round_->empty());  // there is a seed, and a round that is over ends
  asked_ = true;
  Address next = std::move(round_->back());
  round_->pop_back();
  return next;
}

void Topology::plan_round() {
  std::vector<Address> order;  // the last one is asked first
  const auto add_shuffled = [&](auto&& some) {
    std::vector<Address> group;
    for (const Address& node : some) {
      const bool suspect = suspects_.contains(node);
      if (std::find(order.begin(), order.end(), node) == order.end() && !suspect) group.push_back(node);
    }
    std::shuffle(group.begin(), group.end(), random_);
    order.insert(order.begin(), group.begin(), group.end());
  };
  add_shuffled(nodes_);
  add_shuffled(seeds_);
  std::set<Address> known(nodes_);
  known.insert(seeds_.begin(), seeds_.end());
  std::erase_if(suspects_, [&](const Address& node) { return !known.contains(node); });
  const auto suspects = std::exchange(suspects_, {});
  add_shuffled(suspects);
  suspects_ = suspects;
  round_ = std::move(order);
}

void Topology::end_round(TimePoint now, Duration pause) {
  round_.reset();
  earliest_ = after(now, pause);
}

bool Topology::answered(TimePoint now, const Address& from, const std::vector<SlotRange>& ranges) {
  if (ranges.empty()) {
    unanswered(now, from);
    return false;
  }
  TERRACE_ASSERT(asked_ && round_);
  asked_ = false;
  suspects_.erase(from);
  known_ = true;
  failures_ = 0;
  ++refreshes_;
  owners_.assign(slot_count, nobody);
  shards_.clear();
  shard_of_.clear();
  nodes_.clear();
  for (const SlotRange& range : ranges) {
    TERRACE_ASSERT(!range.nodes.empty() && range.first <= range.last && range.last < slot_count);
    const ShardIndex shard = shard_of(range.nodes.front());
    shards_[shard].replicas.assign(range.nodes.begin() + 1, range.nodes.end());
    std::fill(owners_.begin() + range.first, owners_.begin() + range.last + 1, shard);
    nodes_.insert(range.nodes.begin(), range.nodes.end());
  }
  end_round(now, timing_.least_pause);
  std::uniform_int_distribution<Duration::rep> jitter(0, timing_.period.count() / 10);
  due_ = after(now, timing_.period - Duration(jitter(random_)));
  return true;
}

bool Topology::unanswered(TimePoint now, const Address& from) {
  TERRACE_ASSERT(asked_ && round_);
  asked_ = false;
  suspects_.insert(from);
  if (!round_->empty()) return true;
  ++failed_;
  const auto doubled = timing_.least_pause * (std::int64_t{1} << std::min(failures_++, 10U));
  end_round(now, std::min(timing_.longest_pause, doubled));
  due_ = earliest_;
  return false;
}

}  // namespace terrace::redis
