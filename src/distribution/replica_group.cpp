#include "distribution/replica_group.hpp"

#include "distribution/refusal.hpp"

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
             " tier, which keeps no versions; take Redis nodes");
    }
  }
  if (options.copies > options.nodes.size()) {
    refuse("copies is " + std::to_string(options.copies) + ", but there are only " +
           std::to_string(options.nodes.size()) + " nodes");
  }
  if (options.copies == 0)
    options.copies = static_cast<unsigned>(std::min<std::size_t>(3, options.nodes.size()));
  if (options.repair_time < 1s || options.repair_time > 7 * 24h) {
    refuse("repair_time is " + std::to_string(options.repair_time.count()) +
           " ns; possible are 1 s to 7 days");
  }
  if (options.max_hints == 0) refuse("max_hints is 0; the least is 1");
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
  node.standing = standing;
  node.reachable = true;
  if (standing == Standing::member) return std::nullopt;
  return Error(Errc::unavailable, "node " + printable_key(node.name) +
                                      " may have forgotten something and is being brought up to date");
}

/// The low bits of a counter count the fills since the last put, those above them the puts since the last
/// write.
Version ReplicaGroup::version_above(const Version& seen, Rank rank) noexcept {
  const auto next = [](std::uint64_t counter, unsigned bits) { return ((counter >> bits) + 1) << bits; };
  const std::uint64_t writer = random();
  if (rank == Rank::fill) return {seen.counter + 1, writer};
  if (rank == Rank::put) return {next(seen.counter, put_bits), writer};
  std::uint64_t last = counter_.load();
  std::uint64_t counter = 0;
  do {
    counter = next(std::max(last, seen.counter), write_bits);
  } while (!counter_.compare_exchange_weak(last, counter));
  return {counter, writer};
}

std::uint64_t ReplicaGroup::random() noexcept {
  return mix(random_ += 0x9e3779b97f4a7c15U);
}

void ReplicaGroup::observe(const Version& version) noexcept {
  std::uint64_t last = counter_.load();
  while (last < version.counter && !counter_.compare_exchange_weak(last, version.counter)) {
  }
}

}  // namespace terrace::distribution
