#include "upkeep/window.hpp"

#include <algorithm>
#include <cmath>

namespace terrace::upkeep {
namespace {

std::uint64_t reads(const CacheStats& totals) {
  return totals.levels.empty() ? 0 : totals.levels[0].hits + totals.levels[0].misses;
}

/// Uses counters that only grow. The sum of memory's hits and misses does: a hit that may not be served after
/// all becomes a miss.
bool went_backwards(const CacheStats& before, const CacheStats& now) {
  if (before.levels.size() != now.levels.size() || reads(now) < reads(before)) return true;
  for (std::size_t i = 1; i < now.levels.size(); ++i) {
    const LevelStats& a = before.levels[i];
    const LevelStats& b = now.levels[i];
    if (a.name != b.name || b.hits < a.hits || b.misses < a.misses || b.errors < a.errors) return true;
  }
  return now.loads < before.loads || now.writes < before.writes || now.erases < before.erases;
}

/// The totals of the same cache at the time it was made.
CacheStats zero_of(const CacheStats& totals) {
  CacheStats zero;
  for (const LevelStats& level : totals.levels) zero.levels.push_back({.name = level.name});
  return zero;
}

/// Counters are read one after the other while they change, so one may seem to lag behind another.
std::uint64_t grown(std::uint64_t before, std::uint64_t now) {
  return now > before ? now - before : 0;
}

double share(std::uint64_t part, std::uint64_t whole, double of_nothing) {
  return whole == 0 ? of_nothing : std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
}

/// The bound that the share `q` of the durations in between did not exceed; durations above the last bound
/// count as twice that bound. Zero if there were none.
Duration quantile(const LatencyCounts& before, const LatencyCounts& now, double q) {
  const auto count = grown(before.count, now.count);
  if (count == 0) return {};
  const auto rank = static_cast<std::uint64_t>(std::ceil(static_cast<double>(count) * q));
  for (std::size_t i = 0; i < LatencyCounts::bounds.size(); ++i) {
    if (grown(before.up_to[i], now.up_to[i]) >= rank) return LatencyCounts::bounds[i];
  }
  return LatencyCounts::bounds.back() * 2;
}

/// The levels of both totals correspond, because both are of one cache.
void count_levels(const CacheStats& before, const CacheStats& now, WindowStats& out) {
  for (std::size_t i = 0; i < now.levels.size(); ++i) {
    const LevelStats& a = before.levels[i];
    const LevelStats& b = now.levels[i];
    LevelWindow level{.name = b.name,
                      .hits = grown(a.hits, b.hits),
                      .misses = grown(a.misses, b.misses),
                      .errors = grown(a.errors, b.errors),
                      .lease_errors = grown(a.lease_errors, b.lease_errors)};
    level.hit_rate = share(level.hits, level.hits + level.misses, 1);
    out.hits += level.hits;
    out.errors += level.errors;
    out.evictions += grown(a.evictions, b.evictions);
    out.expirations += grown(a.expirations, b.expirations);
    out.levels.push_back(std::move(level));
  }
  out.requests = grown(reads(before), reads(now));
}

void count(const CacheStats& before, const CacheStats& now, WindowStats& out) {
  count_levels(before, now, out);
  out.stale = grown(before.stale_served, now.stale_served);
  out.loads = grown(before.loads, now.loads);
  out.load_failures = grown(before.load_failures, now.load_failures);
  out.writes = grown(before.writes, now.writes) + grown(before.erases, now.erases);
  out.write_failures = grown(before.write_failures, now.write_failures);
  out.lease_waits = grown(before.lease_waits, now.lease_waits);
  out.rejected_fills = grown(before.rejected_fills, now.rejected_fills);
  out.load_p50 = quantile(before.load_latency, now.load_latency, 0.5);
  out.load_p99 = quantile(before.load_latency, now.load_latency, 0.99);
  out.errors += out.load_failures + out.write_failures;

  const std::uint64_t walked = grown(grown(before.joined, now.joined), out.requests);
  out.hits = std::min(out.hits, walked);
  out.misses = walked - out.hits;
}

void rate(WindowStats& out) {
  out.hit_rate = share(out.hits, out.hits + out.misses, 1);
  out.miss_rate = 1 - out.hit_rate;
  out.stale_rate = share(out.stale, out.requests, 0);
  const std::uint64_t operations = out.requests + out.writes;
  out.error_rate = share(out.errors, std::max(operations, out.errors), 0);
  out.load_failure_rate = share(out.load_failures, std::max(out.loads, out.load_failures), 0);
  const double seconds = std::chrono::duration<double>(out.span).count();
  if (seconds <= 0) return;
  out.requests_per_second = static_cast<double>(out.requests) / seconds;
  out.loads_per_second = static_cast<double>(out.loads) / seconds;
  out.evictions_per_second = static_cast<double>(out.evictions) / seconds;
}

}  // namespace

void Window::add(TimePoint at, CacheStats totals) {
  if (!samples_.empty() && went_backwards(samples_.back().totals, totals)) {
    const TimePoint begin = samples_.back().at;
    samples_.clear();
    samples_.push_back({begin, zero_of(totals)});
  }
  const bool crowded =
      samples_.size() >= 2 && samples_.back().at - samples_[samples_.size() - 2].at < interval_ / 2;
  if (crowded) samples_.pop_back();
  samples_.push_back({at, std::move(totals)});
  while (samples_.size() >= 2 && at - samples_[1].at >= length_) samples_.pop_front();
}

WindowStats Window::look(TimePoint at, CacheStats totals) const {
  WindowStats out;
  if (went_backwards(samples_.back().totals, totals)) {
    out.span = at - samples_.back().at;
    count(zero_of(totals), totals, out);
  } else {
    auto from = samples_.begin();
    while (std::next(from) != samples_.end() && at - std::next(from)->at >= length_) ++from;
    out.span = at - from->at;
    count(from->totals, totals, out);
  }
  rate(out);
  out.now = std::move(totals);
  return out;
}

}  // namespace terrace::upkeep
