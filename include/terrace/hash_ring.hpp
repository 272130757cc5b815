#pragma once
/// HashRing: which of several nodes owns a key, so that a node that comes or goes moves only its own share of
/// the keys. Consistent hashing with virtual nodes (D. Karger et al., "Consistent Hashing and Random Trees",
/// STOC 1997).
///
/// The ring is the numbers of 64 bits, closed to a circle. Every node has points on it; a key belongs to the
/// node of the first point at or after the key's place, past the highest point to that of the lowest. In
/// bytes, so that any language finds the same owners:
///
///   place of a key      = XXH3_64bits_withSeed(the key's bytes, seed)
///   place of point i    = XXH3_64bits_withSeed(i as 4 bytes, least significant first, then the node's name,
///                         seed), for i = 0, 1, … below max(1, weight × 8192 rounded half up)
///   points on one place = the one whose name is first in byte order counts
///
/// XXH3: https://github.com/Cyan4973/xxHash. The seed is configuration, not a secret: who knows it can choose
/// keys that all belong to one node. tests/distribution/golden/ has examples.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace terrace {

/// Immutable; all calls are thread safe. 16 to 20 bytes of memory a point: 160 kB at most for a node of
/// weight 1.
class HashRing {
 public:
  struct Node {
    std::string name;   ///< places its points; the order of the nodes does not matter
    double weight = 1;  ///< twice the weight, twice the keys; above 0, at most max_weight
  };

  /// So many that 100 equal nodes each own their share within 5 % (a node strays by 1 / sqrt(points)).
  static constexpr unsigned points_per_weight = 8192;
  static constexpr double max_weight = 1000;
  static constexpr std::size_t max_points = std::size_t{1} << 24U;  ///< of all nodes: 2,048 of weight 1

  /// Throws ConfigError: no node, a name that is empty or comes twice, a weight out of range, too many
  /// points.
  explicit HashRing(std::vector<Node> nodes, std::uint64_t seed = 0);

  /// The index, in nodes(), of the node that owns the key. O(1) on average.
  [[nodiscard]] std::size_t owner(std::string_view key) const noexcept;

  /// The first `count` different nodes from the key's place on, the owner first; all of them when there are
  /// no more. A node that comes or goes leaves the order of the others as it is.
  [[nodiscard]] std::vector<std::size_t> owners(std::string_view key, std::size_t count) const;

  /// As given.
  [[nodiscard]] const std::vector<Node>& nodes() const noexcept { return nodes_; }

  /// What part of all places each node owns, exactly; the sum is 1.
  [[nodiscard]] std::vector<double> shares() const;

  /// What part of all places belongs to a node of another name in `next`, exactly. Throws ConfigError when
  /// the seeds differ: then every key has another place.
  [[nodiscard]] double moved(const HashRing& next) const;

 private:
  [[nodiscard]] std::size_t point_of(std::string_view key) const noexcept;
  void place_points(const std::vector<std::size_t>& points);

  std::vector<Node> nodes_;
  std::uint64_t seed_;
  std::vector<std::uint64_t> places_;  // of the points, ascending
  std::vector<std::uint32_t> owner_;   // of each point, an index into nodes_
  unsigned shift_ = 0;                 // a place's bucket is its highest 64 - shift_ bits
  std::vector<std::uint32_t> first_;   // of each bucket: its first point, or the first after it
};

}  // namespace terrace
