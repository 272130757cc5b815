#pragma once
/// HashRing: decides which of several nodes owns a key. A node that joins or leaves moves only its own share
/// of the keys. Consistent hashing with virtual nodes (D. Karger et al., "Consistent Hashing and Random
/// Trees", STOC 1997).
///
/// The ring is the range of 64-bit numbers, closed to a circle. Every node has points on it. A key belongs to
/// the node of the first point at or after the key's place; after the highest point, to the node of the
/// lowest point. The definition in bytes, so that any language finds the same owners:
///
///   place of a key      = XXH3_64bits_withSeed(the key's bytes, seed)
///   place of point i    = XXH3_64bits_withSeed(i as 4 bytes, least significant first, then the node's name,
///                         seed), for i = 0, 1, … below max(1, weight × 8192 rounded half up)
///   points on one place = the one whose name is first in byte order counts
///
/// XXH3: https://github.com/Cyan4973/xxHash. The seed is configuration, not a secret: a client that knows it
/// can choose keys that all belong to one node. tests/distribution/golden/ has examples.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace terrace {

/// Immutable; all calls are thread safe. Needs 16 to 20 bytes of memory for each point: 160 kB at most for a
/// node of weight 1.
class HashRing {
 public:
  struct Node {
    std::string name;   ///< places the points of the node; the order of the nodes does not matter
    double weight = 1;  ///< twice the weight, twice the keys; above 0, at most max_weight
  };

  /// Enough points that each of 100 equal nodes owns its share within 5 % (the error is 1 / sqrt(points)).
  static constexpr unsigned points_per_weight = 8192;
  static constexpr double max_weight = 1000;
  static constexpr std::size_t max_points = std::size_t{1} << 24U;  ///< of all nodes together: 2,048 nodes of
                                                                    ///< weight 1

  /// Throws ConfigError: no node, an empty or repeated name, a weight out of range, too many points.
  explicit HashRing(std::vector<Node> nodes, std::uint64_t seed = 0);

  /// The index in nodes() of the node that owns the key. O(1) on average.
  [[nodiscard]] std::size_t owner(std::string_view key) const noexcept;

  /// The first `count` different nodes from the key's place on, the owner first; all nodes if there are not
  /// more. A node that joins or leaves does not change the order of the others.
  [[nodiscard]] std::vector<std::size_t> owners(std::string_view key, std::size_t count) const;

  /// As given.
  [[nodiscard]] const std::vector<Node>& nodes() const noexcept { return nodes_; }

  /// The exact share of all places that each node owns; the sum is 1.
  [[nodiscard]] std::vector<double> shares() const;

  /// The exact share of all places that belong to a node with another name in `next`. Throws ConfigError if
  /// the seeds differ, because then every key has another place.
  [[nodiscard]] double moved(const HashRing& next) const;

 private:
  [[nodiscard]] std::size_t point_of(std::string_view key) const noexcept;
  void place_points(const std::vector<std::size_t>& points);

  std::vector<Node> nodes_;
  std::uint64_t seed_;
  std::vector<std::uint64_t> places_;  // places of the points, ascending
  std::vector<std::uint32_t> owner_;   // owner of each point, an index into nodes_
  unsigned shift_ = 0;                 // the bucket of a place is its highest 64 - shift_ bits
  std::vector<std::uint32_t> first_;   // for each bucket: its first point, or the first point after it
};

}  // namespace terrace
