#include "distribution/replica_group.hpp"

#include "base/tier_check.hpp"

namespace terrace::distribution {
namespace {

using namespace std::chrono_literals;

constexpr unsigned put_bits = 10;
constexpr unsigned write_bits = 20;

/// SplitMix64 without its counter (G. Steele et al., "Fast Splittable Pseudorandom Number Generators", OOPSLA
/// 2014).
std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

HashRing ring_of(const std::vector<ReplicaNode>& nodes, std::uint64_t seed) {
  std::vector<HashRing::Node> names;
  for (const auto& node : nodes) names.push_back({node.name, node.weight});
  return HashRing(std::move(names), seed);
}

}  // namespace

ReplicaGroup::Checked ReplicaGroup::checked(ReplicatedOptions options) {
  const auto refuse = [](const std::string& why) { throw ConfigError("ReplicatedOptions::" + why); };
  if (options.nodes.empty()) refuse("nodes is empty; name at least one");
  for (const auto& node : options.nodes) {
    if (!node.tier) refuse("nodes: the tier of " + printable_key(node.name) + " is null");
    if (node.tier->versioned() == nullptr) {
      refuse("nodes: " + printable_key(node.name) + " is a " + std::string(node.tier->name()) +
             " tier, which keeps no versions; use Redis nodes");
    }
  }
  if (options.copies > options.nodes.size()) {
    refuse("copies is " + std::to_string(options.copies) + ", but there are only " +
           std::to_string(options.nodes.size()) + " nodes");
  }
  if (options.copies == 0)
    options.copies = static_cast<unsigned>(std::min<std::size_t>(3, options.nodes.size()));
  if (options.repair_time < 1s || options.repair_time > 7 * 24h) {
    refuse("repair_time is " + std::to_string(options.repair_time.count()) + " ns; give 1 s to 7 days");
  }
  if (options.max_hints == 0) refuse("max_hints is 0; give 1 or more");
  return {std::move(options)};
}

ReplicaGroup::ReplicaGroup(Checked checked, std::shared_ptr<Scheduler> scheduler, std::uint64_t seed)
    : level_(checked.options.consistency),
      repair_time_(checked.options.repair_time),
      scheduler_(std::move(scheduler)),
      ring_(ring_of(checked.options.nodes, checked.options.seed)),
      quorum_(make_quorum(level_, checked.options.copies, checked.options.read_quorum,
                          checked.options.write_quorum, checked.options.may_forget)),
      random_(seed) {
  for (auto& node : checked.options.nodes) nodes_.emplace_back(std::move(node), checked.options.max_hints);
}

std::optional<Error> ReplicaGroup::refusal(TimePoint deadline) const {
  if (closed_) return Error(Errc::shutdown, "the replicated tier was closed");
  return late(deadline, now());
}

Standing ReplicaGroup::standing_of(const Membership& membership) const noexcept {
  if (membership.left <= Duration::zero()) return Standing::stranger;
  return membership.remembers && membership.left > repair_time_ / 4 ? Standing::member : Standing::lagging;
}

std::optional<Error> ReplicaGroup::check(std::size_t index, const Membership& membership) {
  Node& node = nodes_[index];
  const Standing standing = standing_of(membership);
  const bool known = node.standing.exchange(standing) == standing;
  const bool reached = node.reachable.exchange(true);
  if (!known || !reached) changed();
  if (standing == Standing::member) return std::nullopt;
  return Error(Errc::unavailable,
               "node " + printable_key(node.name) + " may have lost data and is being brought up to date");
}

// ---- Waiting for members

bool ReplicaGroup::is_opening(std::string_view key, Need need) const {
  if (level_ == Consistency::weak || closed_) return false;
  const auto is_member = [](const Node& node) { return node.standing == Standing::member; };
  if (std::all_of(nodes_.begin(), nodes_.end(), is_member)) return false;
  const unsigned needed = strong()             ? std::max(quorum_.read, quorum_.write)
                          : need == Need::read ? quorum_.read
                                               : quorum_.write;
  unsigned members = 0;
  unsigned coming = 0;
  for (const auto index : holders(key)) {
    const Node& node = nodes_[index];
    if (is_member(node)) {
      ++members;
    } else if (node.reachable || !node.looked_at) {
      ++coming;
    }
  }
  return members < needed && members + coming >= needed;
}

void ReplicaGroup::when_open(const std::vector<std::string_view>& keys, Need need, TimePoint deadline,
                             Task then) {
  constexpr Duration longest = 10s;
  const Duration patience = deadline == no_deadline ? longest : (deadline - now()) / 4 * 3;
  {
    const std::lock_guard lock(mutex_);
    const auto number = ++last_waiting_;
    auto& waiting = waiting_[number];
    waiting = {{keys.begin(), keys.end()}, need, std::move(then)};
    waiting.timer = scheduler_->call_at(after(now(), patience), [weak = weak_from_this(), number] {
      if (const auto self = weak.lock()) self->give_up(number);
    });
    ++waiting_count_;
  }
  changed();  // it may have opened meanwhile
}

/// Waiting operations are not called here, because the caller may hold locks.
void ReplicaGroup::changed() {
  if (waiting_count_ == 0) return;
  scheduler_->post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->release(false);
  });
}

void ReplicaGroup::end_waits() {
  release(true);
}

void ReplicaGroup::release(bool all) {
  std::vector<Waiting> released;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      Waiting& one = at->second;
      const bool waits = !all && std::any_of(one.keys.begin(), one.keys.end(),
                                             [&](const auto& key) { return is_opening(key, one.need); });
      if (!waits) released.push_back(std::move(one));
      at = waits ? std::next(at) : waiting_.erase(at);
    }
    waiting_count_ = waiting_.size();
  }
  for (auto& one : released) {
    scheduler_->cancel(one.timer);
    one.then();
  }
}

void ReplicaGroup::give_up(std::uint64_t number) {
  Task then;
  {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_.find(number);
    if (found == waiting_.end()) return;
    then = std::move(found->second.then);
    waiting_.erase(found);
    waiting_count_ = waiting_.size();
  }
  then();
}

// ---- Versions

void ReplicaGroup::found_corrupt(std::size_t index, const std::string& key) {
  ++counters.corrupt;
  nodes_[index].hints.add(key);
}

/// The low bits of a counter count the fills since the last put; the bits above them count the puts since the
/// last write.
Result<Version> ReplicaGroup::version_above(const Version& seen, Rank rank) {
  const unsigned bits = rank == Rank::fill ? 0 : rank == Rank::put ? put_bits : write_bits;
  const auto next = [bits](std::uint64_t counter) {  // 0: there is none
    const std::uint64_t step = std::uint64_t{1} << bits;
    return counter > Version::highest_counter - step ? 0 : ((counter >> bits) + 1) << bits;
  };
  std::uint64_t counter = next(seen.counter);
  if (rank == Rank::write && counter != 0) {
    std::uint64_t last = counter_.load();
    std::uint64_t own = 0;
    do {
      own = next(seen.counter <= observable ? std::max(last, seen.counter) : last);
    } while (own != 0 && !counter_.compare_exchange_weak(last, own));
    counter = own == 0 ? 0 : std::max(counter, own);
  }
  if (counter != 0) return Version{counter, random()};
  ++counters.corrupt;
  return Error(Errc::corrupt,
               "a node holds a version near the highest possible, so nothing newer can be written; erase the "
               "key: it can be "
               "written again when the deletion is forgotten, after repair_time");
}

std::uint64_t ReplicaGroup::random() noexcept {
  return mix(random_ += 0x9e3779b97f4a7c15U);
}

void ReplicaGroup::observe(const Version& version) noexcept {
  if (version.counter > observable) return;
  std::uint64_t last = counter_.load();
  while (last < version.counter && !counter_.compare_exchange_weak(last, version.counter)) {
  }
}

}  // namespace terrace::distribution
