// bench_peer WHAT ENTRIES THREADS FILE: MemoryCache, as it comes, among the contestants of
// bench/peers/run.py, where the protocol is told. bench_peer keys UNIVERSE LENGTH SEED FILE: writes the file
// of keys for all of them.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory/contestants.hpp>
#include <stdexcept>
#include <string>
#include <terrace/memory_cache.hpp>
#include <thread>

namespace terrace::bench {
namespace {

using Keys = std::vector<std::uint64_t>;
using Cache = MemoryCache<std::uint64_t, std::uint64_t>;

struct KeyFile {
  Keys universe;
  Keys stream;
};

void put(std::ofstream& out, const Keys& keys) {
  out.write(reinterpret_cast<const char*>(keys.data()), static_cast<std::streamsize>(keys.size() * 8));
}

void write_keys(std::size_t universe, std::size_t length, std::uint64_t seed, const std::string& path) {
  Keys all;
  for (std::size_t i = 0; i < universe; ++i) {
    all.push_back(make_key<std::uint64_t>(static_cast<std::uint32_t>(i)));
  }
  Keys stream;
  for (const std::uint32_t number : zipf_stream(universe, length, seed)) {
    stream.push_back(make_key<std::uint64_t>(number));
  }
  std::ofstream out(path, std::ios::binary);
  put(out, {universe});
  put(out, all);
  put(out, stream);
  if (!out.flush()) throw std::runtime_error("cannot write " + path);
}

KeyFile read_keys(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  Keys numbers(in ? static_cast<std::size_t>(in.tellg()) / 8 : 0);
  in.seekg(0);
  in.read(reinterpret_cast<char*>(numbers.data()), static_cast<std::streamsize>(numbers.size() * 8));
  if (!in || numbers.empty() || numbers[0] >= numbers.size()) {
    throw std::runtime_error(path + " is no file of keys");
  }
  const auto middle = numbers.begin() + 1 + static_cast<std::ptrdiff_t>(numbers[0]);
  return {Keys(numbers.begin() + 1, middle), Keys(middle, numbers.end())};
}

struct Counts {
  std::uint64_t sum = 0;  // of the values: as many as operations
  std::uint64_t made = 0;
};

struct Part {
  const std::uint64_t* begin;
  const std::uint64_t* end;
  std::size_t passes;
};

Counts hits(Cache& cache, const Part& part) {
  Counts counts;
  for (std::size_t pass = 0; pass < part.passes; ++pass) {
    for (const std::uint64_t* key = part.begin; key != part.end; ++key)
      counts.sum += cache.get(*key).value_or(0);
  }
  return counts;
}

Counts churn(Cache& cache, const Part& part) {
  Counts counts;
  for (std::size_t pass = 0; pass < part.passes; ++pass) {
    for (const std::uint64_t* key = part.begin; key != part.end; ++key) {
      counts.sum += cache.get_or_insert(*key, [&] { return ++counts.made, std::uint64_t{1}; });
    }
  }
  return counts;
}

struct Turn {
  double ns;  // from the begin to the end of all threads
  Counts counts;
};

/// Each thread goes through its own part of the stream. They begin together: a wait that sleeps would let one
/// be done before the other wakes.
template <class Run>
Turn take_turn(Run&& run, const Keys& stream, std::size_t threads, std::size_t passes) {
  using Clock = std::chrono::steady_clock;
  std::atomic<std::size_t> ready = 0;
  std::vector<Counts> counts(threads);
  std::vector<Clock::time_point> began(threads);
  const std::size_t length = stream.size() / threads;
  const auto part = [&](std::size_t t) {
    ++ready;
    while (ready < threads) {
    }
    began[t] = Clock::now();
    const std::uint64_t* begin = stream.data() + t * length;
    counts[t] = run(Part{begin, begin + length, passes});
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t t = 1; t < threads; ++t) others.emplace_back(part, t);
    part(0);
  }
  const auto ended = Clock::now();
  Turn turn{
      std::chrono::duration<double, std::nano>(ended - *std::min_element(began.begin(), began.end())).count(),
      {}};
  for (const Counts& c : counts) {
    turn.counts.sum += c.sum;
    turn.counts.made += c.made;
  }
  return turn;
}

void compete(const std::string& what, std::size_t entries, std::size_t threads, const KeyFile& keys) {
  const bool hit = what == "hit";
  // A little room to spare: shards fill unevenly, and all look-ups must be hits.
  Cache cache({.max_entries = hit ? entries + entries / 8 : entries});
  if (hit) {
    for (const std::uint64_t key : keys.universe) cache.set(key, 1);
  }
  const auto run = [&](const Part& part) { return hit ? hits(cache, part) : churn(cache, part); };
  for (std::size_t passes = 0; std::cin >> passes;) {
    const Turn turn = take_turn(run, keys.stream, threads, passes);
    const std::size_t operations = keys.stream.size() / threads * threads * passes;
    if (turn.counts.sum != operations) throw std::runtime_error("not all were hits");
    std::printf(
        R"({"name": "terrace", "what": "%s", "entries": %zu, "threads": %zu, "ns": %.3f, "made": %.4f})"
        "\n",
        what.c_str(), entries, threads,
        turn.ns * static_cast<double>(threads) / static_cast<double>(operations),
        static_cast<double>(turn.counts.made) / static_cast<double>(operations));
    std::fflush(stdout);
  }
}

void run(const std::vector<std::string>& given) {
  if (given.size() == 5 && given[0] == "keys") {
    write_keys(std::stoul(given[1]), std::stoul(given[2]), std::stoul(given[3]), given[4]);
  } else if (given.size() == 4 && (given[0] == "hit" || given[0] == "churn")) {
    compete(given[0], std::stoul(given[1]), std::stoul(given[2]), read_keys(given[3]));
  } else {
    throw std::runtime_error(
        "usage: bench_peer hit|churn ENTRIES THREADS FILE, or keys UNIVERSE LENGTH SEED FILE");
  }
}

}  // namespace
}  // namespace terrace::bench

int main(int argc, char** argv) {
  try {
    terrace::bench::run({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_peer: %s\n", error.what());
    return 1;
  }
}
