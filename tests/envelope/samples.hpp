#pragma once
/// Types and seeded random values for the codec's tests and fuzzers.

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <terrace/codec.hpp>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

namespace terrace::samples {

struct Empty {
  bool operator==(const Empty&) const = default;
};

enum class Colour : std::uint8_t { red, green, blue };

struct Inner {
  std::int32_t number = 0;
  std::optional<std::string> text;
  bool operator==(const Inner&) const = default;
};

struct Tree {
  std::int16_t value = 0;
  std::vector<Tree> children;
  bool operator==(const Tree&) const = default;
};

/// Something of everything.
struct Everything {
  bool flag = false;
  char letter = 0;
  std::int8_t i8 = 0;
  std::int64_t i64 = 0;
  std::uint16_t u16 = 0;
  std::uint64_t u64 = 0;
  float f32 = 0;
  double f64 = 0;
  Colour colour = Colour::red;
  std::string text;
  std::vector<std::byte> bytes;
  std::array<unsigned char, 4> four{};
  std::vector<bool> flags;
  std::list<std::int32_t> list;
  std::deque<Inner> deque;
  std::array<std::uint32_t, 3> three{};
  std::set<std::string> set;
  std::unordered_set<std::int64_t> unordered_set;
  std::map<std::string, std::vector<double>> map;
  std::unordered_map<std::uint32_t, Inner> unordered_map;
  std::pair<std::int32_t, std::string> pair;
  std::tuple<bool, double, Empty> tuple;
  std::variant<std::monostate, std::int64_t, std::string, Inner> variant;
  std::chrono::milliseconds duration{};
  std::chrono::sys_time<std::chrono::seconds> time{};
  std::optional<std::optional<std::int32_t>> optional;
  Tree tree;
  bool operator==(const Everything&) const = default;
};

/// Draws values from a seeded generator.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}

  template <class T>
  T integer() {
    const std::uint64_t word = random_();
    return static_cast<T>(word >> (random_() % 64));  // all magnitudes alike
  }
  bool coin() { return random_() % 2 == 0; }
  std::size_t size(std::size_t most) { return random_() % (most + 1); }
  double real() {
    return std::ldexp(static_cast<double>(integer<std::int64_t>()), static_cast<int>(size(40)) - 20);
  }
  std::string text() {
    std::string out(size(40), '\0');
    for (char& c : out) c = static_cast<char>(random_());
    return out;
  }
  Inner inner() { return {integer<std::int32_t>(), coin() ? std::optional(text()) : std::nullopt}; }
  Tree tree(std::size_t depth) {
    Tree out{integer<std::int16_t>(), {}};
    for (std::size_t i = depth == 0 ? 0 : size(3); i > 0; --i) out.children.push_back(tree(depth - 1));
    return out;
  }
  Everything everything();

 private:
  std::mt19937_64 random_;
};

inline Everything Draw::everything() {
  Everything out;
  out.flag = coin();
  out.letter = integer<char>();
  out.i8 = integer<std::int8_t>();
  out.i64 = integer<std::int64_t>();
  out.u16 = integer<std::uint16_t>();
  out.u64 = integer<std::uint64_t>();
  out.f32 = static_cast<float>(real());
  out.f64 = real();
  out.colour = static_cast<Colour>(size(2));
  out.text = text();
  for (const char c : text()) out.bytes.push_back(static_cast<std::byte>(c));
  for (auto& byte : out.four) byte = integer<unsigned char>();
  for (std::size_t i = size(20); i > 0; --i) out.flags.push_back(coin());
  for (std::size_t i = size(20); i > 0; --i) out.list.push_back(integer<std::int32_t>());
  for (std::size_t i = size(5); i > 0; --i) out.deque.push_back(inner());
  for (auto& number : out.three) number = integer<std::uint32_t>();
  for (std::size_t i = size(5); i > 0; --i) out.set.insert(text());
  for (std::size_t i = size(20); i > 0; --i) out.unordered_set.insert(integer<std::int64_t>());
  for (std::size_t i = size(5); i > 0; --i) out.map[text()] = {real(), real()};
  for (std::size_t i = size(5); i > 0; --i) out.unordered_map[integer<std::uint32_t>()] = inner();
  out.pair = {integer<std::int32_t>(), text()};
  out.tuple = {coin(), real(), Empty{}};
  switch (size(3)) {
    case 0:
      out.variant = std::monostate{};
      break;
    case 1:
      out.variant = integer<std::int64_t>();
      break;
    case 2:
      out.variant = text();
      break;
    default:
      out.variant = inner();
      break;
  }
  out.duration = std::chrono::milliseconds(integer<std::int32_t>());
  out.time += std::chrono::seconds(integer<std::int32_t>());
  if (coin()) out.optional.emplace(coin() ? std::optional(integer<std::int32_t>()) : std::nullopt);
  out.tree = tree(4);
  return out;
}

}  // namespace terrace::samples
