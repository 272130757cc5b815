#include "distribution/replica_group.hpp"

#include "base/backoff.hpp"

namespace terrace::distribution {
namespace {

using namespace std::chrono_literals;

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

ReplicaGroup::ReplicaGroup(Checked checked, std::shared_ptr<Scheduler> scheduler)
    : level_(checked.options.consistency),
      repair_time_(checked.options.repair_time),
      scheduler_(std::move(scheduler)),
      ring_(ring_of(checked.options.nodes, checked.options.seed)),
      quorum_(make_quorum(level_, checked.options.copies, checked.options.read_quorum,
                          checked.options.write_quorum, checked.options.may_forget)),
      writer_(random_seed()) {
  for (auto& node : checked.options.nodes) nodes_.emplace_back(std::move(node), checked.options.max_hints);
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

Version ReplicaGroup::next_version(const Version& seen) noexcept {
  std::uint64_t last = counter_.load();
  std::uint64_t next = 0;
  do {
    next = std::max(last, seen.counter) + 1;
  } while (!counter_.compare_exchange_weak(last, next));
  return {next, writer_};
}

void ReplicaGroup::observe(const Version& version) noexcept {
  std::uint64_t last = counter_.load();
  while (last < version.counter && !counter_.compare_exchange_weak(last, version.counter)) {
  }
}

}  // namespace terrace::distribution
