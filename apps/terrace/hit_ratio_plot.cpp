#include "hit_ratio_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <terrace/memory_cache.hpp>

#include "operate/terminal_text.hpp"
#include "plot_scale.hpp"
#include "simulation.hpp"
#include "units.hpp"

namespace terrace::cli {
namespace {

// The sheet, in pixels: each panel has a title above, labels left and below, and its legend on the right.
constexpr int width_px = 760;
constexpr int panel_px = 380;
constexpr int left = 76, right = 620, top = 48, bottom = 316;
constexpr int legend_left = 640, legend_step = 22;
constexpr std::size_t title_columns = 60;

/// Lines differ in colour and in marker, so that neither is needed to tell them apart. `marker` is a path
/// around the origin.
struct Style {
  const char* colour;
  const char* marker;
};

constexpr const char* circle = "m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z";
constexpr const char* square = "m-3-3h6v6h-6z";
constexpr const char* diamond = "m0-4.5l4.5 4.5l-4.5 4.5l-4.5-4.5z";
constexpr const char* triangle = "m0-4l4 7h-8z";
constexpr const char* turned_triangle = "m0 4l4-7h-8z";
constexpr const char* plus = "m-1.5-4h3v2.5h2.5v3h-2.5v2.5h-3v-2.5h-2.5v-3h2.5z";
constexpr const char* bar = "m-5-1.8h10v3.6h-10z";
constexpr const char* hourglass = "m-3.5-4h7l-7 8h7z";

/// In the order of eviction_names(). The colours are those of Okabe and Ito (Color Universal Design, 2008),
/// which people with any kind of colour blindness can tell apart; without their yellow, too pale for a line
/// on white, and with two dark ones.
constexpr std::array styles{Style{"#0072b2", circle},
                            Style{"#d55e00", square},
                            Style{"#009e73", diamond},
                            Style{"#cc79a7", triangle},
                            Style{"#e69f00", turned_triangle},
                            Style{"#56b4e9", hourglass},
                            Style{"#6b5b2e", plus},
                            Style{"#882255", bar}};
constexpr Style optimum_style{"#333333", circle};

bool is_optimum(const PlotLine& line) {
  return line.policy == optimum.name;
}

Style style_of(const PlotLine& line) {
  if (is_optimum(line)) return optimum_style;
  const auto names = eviction_names();
  const auto place = static_cast<std::size_t>(std::ranges::find(names, line.policy) - names.begin());
  return styles.at(place % styles.size());
}

/// Harmless text as XML may hold it: without markup, and without the last characters that XML 1.0 forbids.
std::string xml_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  for (const std::string_view forbidden : {"\xEF\xBF\xBE", "\xEF\xBF\xBF"}) {  // U+FFFE, U+FFFF
    for (std::size_t at; (at = out.find(forbidden)) != std::string::npos;) out.replace(at, 3, "?");
  }
  return out;
}

std::string title_text(const PlotPanel& panel) {
  const std::string title = harmless(panel.title);
  const std::string_view shown = cut(title, title_columns);
  return xml_text(shown) + (shown.size() < title.size() ? "…" : "");
}

class Panel {
 public:
  Panel(const PlotPanel& panel, std::string& svg)
      : panel_(panel), svg_(svg), sizes_(sizes_of(panel)), shares_(shares_of(panel)) {
    for (const PlotLine& line : panel.lines) lines_.push_back(&line);
    std::ranges::stable_partition(lines_, [](const PlotLine* line) { return is_optimum(*line); });
  }

  void draw(std::size_t number) {
    add("<g transform=\"translate(0 {})\">\n", static_cast<int>(number) * panel_px);
    add("<text x=\"{}\" y=\"30\" font-size=\"16\" font-weight=\"bold\">{} "
        "<tspan font-size=\"12\" font-weight=\"normal\" fill=\"#595959\">{} requests</tspan></text>\n",
        left, title_text(panel_), format_count(panel_.requests));
    draw_grid();
    std::for_each(lines_.rbegin(), lines_.rend(), [this](const PlotLine* line) { draw_line(*line); });
    draw_legend();
    add("</g>\n");
  }

 private:
  template <class... Values>
  void add(fmt::format_string<const Values&...> format, const Values&... values) {
    fmt::format_to(std::back_inserter(svg_), format, values...);
  }

  static PlotScale sizes_of(const PlotPanel& panel) {
    std::uint64_t least = panel.lines.front().hit_rates.begin()->first;
    std::uint64_t most = least;
    for (const PlotLine& line : panel.lines) {
      least = std::min(least, line.hit_rates.begin()->first);
      most = std::max(most, line.hit_rates.rbegin()->first);
    }
    return size_scale(least, most);
  }

  static PlotScale shares_of(const PlotPanel& panel) {
    double least = 1, most = 0;
    for (const PlotLine& line : panel.lines) {
      for (const auto& [entries, rate] : line.hit_rates) {
        least = std::min(least, rate);
        most = std::max(most, rate);
      }
    }
    return share_scale(least, most);
  }

  static double x(double place) { return left + place * (right - left); }
  static double y(double place) { return bottom - place * (bottom - top); }

  void draw_grid() {
    for (const PlotScale::Tick& tick : shares_.ticks) {
      add("<path d=\"M{} {:.1f}H{}\" stroke=\"#dddddd\"/>"
          "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n",
          left, y(tick.place), right, left - 8, y(tick.place) + 4, tick.label);
    }
    for (const PlotScale::Tick& tick : sizes_.ticks) {
      add("<path d=\"M{0:.1f} {1}V{2}\" stroke=\"#eeeeee\"/><path d=\"M{0:.1f} {2}v5\" stroke=\"#595959\"/>"
          "<text x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\">{4}</text>\n",
          x(tick.place), top, bottom, bottom + 20, tick.label);
    }
    add("<path d=\"M{} {}V{}H{}\" stroke=\"#595959\" fill=\"none\"/>\n", left, top, bottom, right);
    add("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">cache size (entries)</text>\n", (left + right) / 2,
        bottom + 42);
    add("<text transform=\"translate(22 {}) rotate(-90)\" text-anchor=\"middle\">hit rate</text>\n",
        (top + bottom) / 2);
  }

  void draw_line(const PlotLine& line) {
    std::string stroke, markers;
    for (const auto& [entries, rate] : line.hit_rates) {
      const std::string point =
          fmt::format("{:.1f} {:.1f}", x(sizes_.place(static_cast<double>(entries))), y(shares_.place(rate)));
      stroke += (stroke.empty() ? 'M' : 'L') + point;
      markers += 'M' + point + style_of(line).marker;
    }
    draw_strokes(line, stroke, markers);
  }

  void draw_legend() {
    int middle = top + 10;
    for (const PlotLine* line : lines_) {
      draw_strokes(*line, fmt::format("M{} {}h26", legend_left, middle),
                   fmt::format("M{} {}{}", legend_left + 13, middle, style_of(*line).marker));
      add("<text x=\"{}\" y=\"{}\">{}</text>\n", legend_left + 34, middle + 4, xml_text(line->policy));
      middle += legend_step;
    }
  }

  /// The optimum is dashed and has no markers: no cache of anybody's.
  void draw_strokes(const PlotLine& line, const std::string& stroke, const std::string& markers) {
    const bool dashed = is_optimum(line);
    const bool is_point = line.hit_rates.size() == 1;
    add("<g stroke=\"{0}\" fill=\"{0}\"><title>{1}</title><path d=\"{2}\" fill=\"none\" "
        "stroke-width=\"{3}\"{4}/>",
        style_of(line).colour, xml_text(line.policy), stroke, is_first(line) ? "2.5" : "1.8",
        dashed ? " stroke-dasharray=\"6 4\"" : "");
    if (!dashed || is_point) add("<path d=\"{}\" stroke=\"none\"/>", markers);
    add("</g>\n");
  }

  /// The first policy is what the plot is about.
  [[nodiscard]] bool is_first(const PlotLine& line) const {
    const auto first = std::ranges::find_if(lines_, [](const PlotLine* each) { return !is_optimum(*each); });
    return first != lines_.end() && *first == &line;
  }

  const PlotPanel& panel_;
  std::string& svg_;
  PlotScale sizes_, shares_;
  std::vector<const PlotLine*> lines_;  ///< in the order of the legend
};

}  // namespace

std::string hit_ratio_plot(const std::vector<PlotPanel>& panels) {
  const int height_px = static_cast<int>(panels.size()) * panel_px;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "role=\"img\" "
      "font-family=\"sans-serif\" font-size=\"12\" fill=\"#222222\">\n"
      "<title>Hit rate by cache size</title>\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n",
      width_px, height_px);
  for (std::size_t i = 0; i < panels.size(); ++i) Panel(panels[i], svg).draw(i);
  return svg + "</svg>\n";
}

}  // namespace terrace::cli
