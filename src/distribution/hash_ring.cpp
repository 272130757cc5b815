#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <terrace/bytes.hpp>
#include <terrace/hash_ring.hpp>
#include <terrace/result.hpp>

namespace terrace {
namespace {

std::size_t points_of(const HashRing::Node& node) {
  return std::max<std::size_t>(1, static_cast<std::size_t>(node.weight * HashRing::points_per_weight + 0.5));
}

void check_node(const HashRing::Node& node) {
  if (node.name.empty()) throw ConfigError("hash ring: a node has an empty name; give each node a name");
  if (!(node.weight > 0 && node.weight <= HashRing::max_weight)) {
    throw ConfigError("hash ring: the weight of node " + printable_key(node.name) + " is " +
                      std::to_string(node.weight) + "; it must be above 0 and at most 1000");
  }
}

/// The indices of the nodes in the order of their names, so that the result does not depend on the given
/// order.
std::vector<std::uint32_t> by_name(const std::vector<HashRing::Node>& nodes) {
  std::vector<std::uint32_t> order(nodes.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto name = [&](std::uint32_t i) -> const std::string& { return nodes[i].name; };
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return name(a) < name(b); });
  const auto twice =
      std::adjacent_find(order.begin(), order.end(), [&](auto a, auto b) { return name(a) == name(b); });
  if (twice != order.end()) {
    throw ConfigError("hash ring: two nodes are named " + printable_key(name(*twice)) +
                      "; give each node its own name");
  }
  return order;
}

}  // namespace

HashRing::HashRing(std::vector<Node> nodes, std::uint64_t seed) : nodes_(std::move(nodes)), seed_(seed) {
  if (nodes_.empty()) throw ConfigError("hash ring: there are no nodes; give at least one");
  for (const Node& node : nodes_) check_node(node);
  std::vector<std::size_t> points;
  for (const Node& node : nodes_) points.push_back(points_of(node));
  const std::size_t total = std::accumulate(points.begin(), points.end(), std::size_t{0});
  if (total > max_points) {
    throw ConfigError("hash ring: the weights add up to " + std::to_string(total / points_per_weight) +
                      ", but at most " + std::to_string(max_points / points_per_weight) +
                      " is possible; divide all of them by the same number");
  }
  place_points(points);
}

/// Places are evenly spread, so one pass that distributes the points to about as many buckets nearly sorts
/// them. Nodes are taken in the order of their names, and the sort within a bucket is stable: of points on
/// one place the first name comes first.
void HashRing::place_points(const std::vector<std::size_t>& points) {
  const std::vector<std::uint32_t> order = by_name(nodes_);
  std::vector<std::uint64_t> dealt;
  std::string named;
  for (const std::uint32_t node : order) {
    named.assign(4, '\0').append(nodes_[node].name);
    for (std::size_t i = 0; i < points[node]; ++i) {
      for (unsigned byte = 0; byte < 4; ++byte) named[byte] = static_cast<char>(i >> (8 * byte));
      dealt.push_back(XXH3_64bits_withSeed(named.data(), named.size(), seed_));
    }
  }
  const unsigned bits = std::max(1U, static_cast<unsigned>(std::bit_width(dealt.size())));
  shift_ = 64 - bits;
  first_.assign((std::size_t{1} << bits) + 1, 0);
  for (const std::uint64_t place : dealt) ++first_[(place >> shift_) + 1];
  std::partial_sum(first_.begin(), first_.end(), first_.begin());

  places_.resize(dealt.size());
  owner_.resize(dealt.size());
  std::vector<std::uint32_t> next(first_.begin(), first_.end() - 1);
  std::size_t at = 0;
  for (const std::uint32_t node : order) {
    for (const std::size_t end = at + points[node]; at < end; ++at) {
      const std::size_t bucket = dealt[at] >> shift_;
      std::uint32_t to = next[bucket]++;
      for (; to > first_[bucket] && places_[to - 1] > dealt[at]; --to) {  // insertion sort, because a bucket
                                                                          // has few points
        places_[to] = places_[to - 1];
        owner_[to] = owner_[to - 1];
      }
      places_[to] = dealt[at];
      owner_[to] = node;
    }
  }
}

std::size_t HashRing::point_of(std::string_view key) const noexcept {
  const std::uint64_t place = XXH3_64bits_withSeed(key.data(), key.size(), seed_);
  std::size_t point = first_[place >> shift_];
  while (point < places_.size() && places_[point] < place) ++point;
  return point == places_.size() ? 0 : point;
}

std::size_t HashRing::owner(std::string_view key) const noexcept {
  return owner_[point_of(key)];
}

std::vector<std::size_t> HashRing::owners(std::string_view key, std::size_t count) const {
  count = std::min(count, nodes_.size());
  std::vector<std::size_t> found;
  for (std::size_t point = point_of(key); found.size() < count; point = (point + 1) % owner_.size()) {
    const std::size_t node = owner_[point];
    if (std::find(found.begin(), found.end(), node) == found.end()) found.push_back(node);
  }
  return found;
}

std::vector<double> HashRing::shares() const {
  std::vector<long double> arcs(nodes_.size(), 0);
  const long double whole = std::ldexp(1.0L, 64);
  arcs[owner_.front()] +=
      whole - static_cast<long double>(places_.back()) + static_cast<long double>(places_.front());
  for (std::size_t i = 1; i < places_.size(); ++i) {
    arcs[owner_[i]] += static_cast<long double>(places_[i] - places_[i - 1]);
  }
  std::vector<double> out;
  for (const long double arc : arcs) out.push_back(static_cast<double>(arc / whole));
  return out;
}

double HashRing::moved(const HashRing& next) const {
  if (seed_ != next.seed_) throw ConfigError("hash ring: moved() compares rings of one seed; these have two");
  // Between two neighbouring points of either ring the owners are the same everywhere; after the last point
  // of a ring its first point owns the rest.
  long double arcs = 0;
  const long double whole = std::ldexp(1.0L, 64);
  std::size_t ours = 0, theirs = 0;
  std::uint64_t last = 0;
  const auto differ = [&] {
    const std::uint32_t mine = owner_[ours % owner_.size()];
    return nodes_[mine].name != next.nodes_[next.owner_[theirs % next.owner_.size()]].name;
  };
  bool first = true;
  while (ours < places_.size() || theirs < next.places_.size()) {
    const std::uint64_t our_place = ours < places_.size() ? places_[ours] : UINT64_MAX;
    const std::uint64_t their_place = theirs < next.places_.size() ? next.places_[theirs] : UINT64_MAX;
    const std::uint64_t place = std::min(our_place, their_place);
    if (differ()) arcs += static_cast<long double>(place - last) + (first ? 1 : 0);
    first = false;
    last = place;
    while (ours < places_.size() && places_[ours] == place) ++ours;
    while (theirs < next.places_.size() && next.places_[theirs] == place) ++theirs;
  }
  if (differ()) arcs += whole - 1 - static_cast<long double>(last);
  return static_cast<double>(arcs / whole);
}

}  // namespace terrace
