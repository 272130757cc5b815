#include "operate/top_frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "operate/cache_text.hpp"
#include "operate/json_fields.hpp"
#include "operate/terminal_text.hpp"
#include "table.hpp"

namespace terrace::cli {

namespace json = boost::json;
namespace {

constexpr std::array head{"CACHE",  "HIT RATE", "REQ/S", "P99",  "LOADS/S",
                          "ERRORS", "ENTRIES",  "BYTES", "STATE"};
/// Which columns go first where there is no room.
constexpr std::array<std::size_t, 6> dispensable{7, 6, 4, 5, 3, 2};
using Row = std::array<std::string, head.size()>;

const json::object& cache_named(const json::object& stats, const json::value& name) {
  for (const json::value& cache : array(stats, "caches")) {
    const json::value* const its = object(cache).if_contains("name");
    if (its != nullptr && *its == name) return object(cache);
  }
  return object(json::value());
}

const json::object& at(const json::array& all, std::size_t i) {
  static const json::value none;
  return object(i < all.size() ? all[i] : none);
}

double number_at(const json::array& all, std::size_t i) {
  return i < all.size() && all[i].is_number() ? all[i].to_number<double>() : 0;
}

/// The quantile of what came between two histograms, linear within a bucket, as Prometheus reckons it. None:
/// nothing came.
std::optional<double> quantile(const json::object& older, const json::object& newer, double q) {
  const json::array& bounds = array(newer, "bounds_us");
  const double total = number(newer, "count").value_or(0) - number(older, "count").value_or(0);
  if (!(total > 0)) return std::nullopt;
  double below = 0;
  double from = 0;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const double reached = number_at(array(newer, "up_to"), i) - number_at(array(older, "up_to"), i);
    const double bound = number_at(bounds, i);
    if (reached >= q * total && reached > below)
      return from + (bound - from) * (q * total - below) / (reached - below);
    below = reached;
    from = bound;
  }
  return from;
}

std::string rate(std::optional<double> per_second) {
  return per_second ? fmt::format("{:.1f}", *per_second) : "-";
}

Row cache_row(const json::object& cache) {
  const json::object& window = object(cache, "window");
  const bool asked = count(window, "hits") + count(window, "misses") > 0;
  return {text(cache, "name"),
          asked ? shown_share(number(window, "hit_rate")) : "-",
          rate(number(window, "requests_per_s")),
          count(window, "loads") > 0 ? shown_microseconds(number(window, "load_p99_us")) : "-",
          rate(number(window, "loads_per_s")),
          shown_count(window, "errors"),
          "",
          "",
          cache_state(cache)};
}

Row level_row(const json::object& level, const json::object& window, double span_s, std::string p99) {
  const auto asked = static_cast<double>(count(window, "hits") + count(window, "misses"));
  return {"  " + text(level, "name"),
          asked > 0 ? shown_share(number(window, "hit_rate")) : "-",
          span_s > 0 ? rate(asked / span_s) : "-",
          std::move(p99),
          "",
          shown_count(window, "errors"),
          shown_count(level, "entries"),
          shown_bytes(level, "bytes"),
          level_state(level)};
}

std::size_t widest(std::string_view lines) {
  std::size_t most = 0;
  while (!lines.empty()) {
    const auto end = std::min(lines.find('\n'), lines.size());
    most = std::max(most, width(lines.substr(0, end)));
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return most;
}

std::string drawn(const std::vector<Row>& rows, const std::array<bool, head.size()>& kept) {
  const auto of = [&](const auto& cells) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (kept[i]) out.emplace_back(cells[i]);
    }
    return out;
  };
  Table table(of(head));
  for (const Row& row : rows) table.add(of(row));
  return table.text();
}

}  // namespace

void TopFrames::add(json::object stats, TimePoint at) {
  double span_s = 5;
  for (const json::value& cache : array(stats, "caches"))
    span_s = std::max(span_s, number(object(object(cache), "window"), "span_s").value_or(0));
  const auto window = std::chrono::duration<double>(std::min(span_s, 3600.0));
  past_.emplace_back(at, std::move(stats));
  while (past_.size() > 2 && at - past_[1].first > window) past_.pop_front();
}

std::string TopFrames::level_p99(const json::object& cache, std::size_t level) const {
  const json::object& newer = object(at(array(cache, "levels"), level), "latency");
  const json::value* const name = cache.if_contains("name");
  if (past_.size() < 2 || name == nullptr) return shown_microseconds(quantile({}, newer, 0.99));
  const json::object& before = cache_named(past_.front().second, *name);
  return shown_microseconds(quantile(object(at(array(before, "levels"), level), "latency"), newer, 0.99));
}

std::string TopFrames::table(std::size_t columns) const {
  std::vector<Row> rows;
  for (const json::value& one : array(past_.back().second, "caches")) {
    const json::object& cache = object(one);
    const json::object& window = object(cache, "window");
    rows.push_back(cache_row(cache));
    const json::array& levels = array(cache, "levels");
    for (std::size_t i = 0; i < levels.size(); ++i) {
      rows.push_back(level_row(at(levels, i), at(array(window, "levels"), i),
                               number(window, "span_s").value_or(0), level_p99(cache, i)));
    }
  }
  std::array<bool, head.size()> kept{};
  kept.fill(true);
  std::string text = drawn(rows, kept);
  for (const std::size_t column : dispensable) {
    if (widest(text) <= columns) break;
    kept[column] = false;
    text = drawn(rows, kept);
  }
  return text;
}

std::string TopFrames::notes() const {
  const json::object& stats = past_.back().second;
  std::string out;
  for (const json::value& one : array(stats, "issues")) {
    out += fmt::format("! {}\n", text(object(one), "what"));
  }
  out += alerts_text(stats);
  return out.empty() ? out : "\n" + out;
}

std::string TopFrames::frame(std::size_t columns, std::size_t rows) const {
  std::string all = "terrace top  " + label_;
  if (!past_.empty()) {
    const json::object& stats = past_.back().second;
    const bool healthy = flag(stats, "healthy").value_or(false);
    const bool idle = flag(stats, "idle").value_or(false);
    all += fmt::format("  {}  {}", healthy ? (idle ? "healthy, idle" : "healthy") : "NOT HEALTHY",
                       text(stats, "at"));
  }
  all += "\n";
  if (!trouble_.empty()) all += "! " + harmless(std::string_view(trouble_)) + "\n";
  all += "\n";
  if (!past_.empty()) all += table(columns) + notes();
  std::string out;
  std::size_t lines = 0;
  for (std::string_view rest = all; !rest.empty(); ++lines) {
    if (rows > 0 && lines + 1 == rows && rest.find('\n') + 1 < rest.size()) {
      out += std::string(cut("… more lines do not fit", columns)) + "\n";
      break;
    }
    const auto end = std::min(rest.find('\n'), rest.size());
    out += std::string(cut(rest.substr(0, end), columns)) + "\n";
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

}  // namespace terrace::cli
