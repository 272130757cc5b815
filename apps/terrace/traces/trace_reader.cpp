#include "traces/trace_reader.hpp"

#include <algorithm>
#include <cstring>

namespace terrace::traces {
namespace {

constexpr std::size_t block_size = std::size_t{1} << 20;
constexpr std::uint64_t lines_before_judging = 10'000;
constexpr double default_bad_share = 0.01;
constexpr std::uint64_t forgiven_lines = 10;
constexpr std::size_t reported_lines = 5;

std::string without_ending(std::string text, std::string_view ending) {
  if (text.size() > ending.size() && text.ends_with(ending)) text.resize(text.size() - ending.size());
  return text;
}

std::optional<TraceFormat> told_by_name(const std::string& path) {
  const std::string plain = without_ending(path, ".zst");
  if (plain.ends_with(".keys")) return TraceFormat::keys;
  if (plain.ends_with(".csv")) return TraceFormat::csv;
  if (plain.ends_with(".log")) return TraceFormat::log;
  return std::nullopt;
}

}  // namespace

std::optional<TraceFormat> parse_format(std::string_view word) {
  if (word == "keys") return TraceFormat::keys;
  if (word == "csv") return TraceFormat::csv;
  if (word == "log") return TraceFormat::log;
  return std::nullopt;
}

std::string trace_title(const std::string& path) {
  if (path == "-") return "stdin";
  std::string title = without_ending(path.substr(path.find_last_of('/') + 1), ".zst");
  for (const std::string_view ending : {".keys", ".csv", ".log"}) title = without_ending(title, ending);
  return title;
}

TraceReader::TraceReader(const std::string& path, TraceOptions options)
    : name_(source_name(path)), options_(options), source_(open_source(path, options.stop)) {
  buffer_.resize(max_line_size + block_size);
  // The first line must be whole to tell the format, and a pipe may bring it in pieces.
  do {
    refill();
  } while (!at_end_ && end_ < buffer_.size() && std::memchr(buffer_.data(), '\n', end_) == nullptr);
  if (begin_ == end_ && at_end_ && !(options_.stop && *options_.stop)) {
    throw TraceError(name_ + " is empty: there is nothing to read");
  }
  if (std::memchr(buffer_.data(), '\0', end_) != nullptr) {
    throw TraceError(name_ +
                     " is a binary file, not a trace: .keys, .csv and access logs are text, plain or zstd");
  }
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (std::string_view(buffer_.data(), end_).starts_with(byte_order_mark)) begin_ = byte_order_mark.size();
  const auto named = options_.format ? options_.format : told_by_name(path);
  format_ = named ? *named : told_by_content(path);
  if (format_ == TraceFormat::csv) read_csv_header();
}

TraceFormat TraceReader::told_by_content(const std::string& path) const {
  std::string_view first(buffer_.data() + begin_, end_ - begin_);
  first.remove_prefix(std::min(first.find_first_not_of("\r\n"), first.size()));
  first = first.substr(0, first.find('\n'));
  if (first.empty() && options_.stop && *options_.stop) return TraceFormat::keys;
  Request request;
  if (parse_key_line(first, request).kind == Parsed::request) return TraceFormat::keys;
  if (parse_log_line(first, request).kind != Parsed::malformed) return TraceFormat::log;
  if (CsvRows{}.read_header(first)) return TraceFormat::csv;
  throw TraceError(source_name(path) +
                   ": the name and the first line do not show the format: give --format keys, csv or log");
}

void TraceReader::read_csv_header() {
  std::string_view line;
  if (!next_line(line)) return;
  if (!csv_.read_header(line)) {
    throw TraceError(name_ +
                     ", line 1: a CSV trace begins with a header that names a column \"key\", as in " +
                     "time,key,size");
  }
}

/// Moves what is left to the front of the buffer and reads behind it, at least one byte or up to the end.
void TraceReader::refill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  while (!at_end_ && end_ < buffer_.size()) {
    const std::size_t got = source_->read(buffer_.data() + end_, buffer_.size() - end_);
    at_end_ = got == 0;
    end_ += got;
    taken_ += got;
    // A pipe is answered with what it has; a file fills the block.
    if (got > 0 && !source_->stored_size()) break;
  }
}

bool TraceReader::next_line(std::string_view& line) {
  bool too_long = false;
  std::size_t searched = begin_;
  while (true) {
    const char* const from = buffer_.data() + searched;
    const void* const newline = std::memchr(from, '\n', end_ - searched);
    if (newline != nullptr || (at_end_ && begin_ < end_)) {
      const std::size_t stop =
          newline != nullptr ? static_cast<std::size_t>(static_cast<const char*>(newline) - buffer_.data())
                             : end_;
      line = std::string_view(buffer_.data() + begin_, stop - begin_);
      begin_ = newline != nullptr ? stop + 1 : end_;
      ++report_.lines;
      if (!too_long && line.size() <= max_line_size) return true;
      note_bad("longer than 1 MiB");
      too_long = false;
      searched = begin_;
      continue;
    }
    if (at_end_) {
      if (too_long) {
        ++report_.lines;
        note_bad("longer than 1 MiB");
      }
      return false;
    }
    if (end_ - begin_ > max_line_size) {
      too_long = true;
      begin_ = end_;
    }
    searched = end_ - begin_;
    refill();
  }
}

Parsed TraceReader::parse(std::string_view line, Request& into) {
  switch (format_) {
    case TraceFormat::keys:
      return parse_key_line(line, into);
    case TraceFormat::csv:
      return csv_.parse(line, into);
    case TraceFormat::log:
      break;
  }
  return parse_log_line(line, into);
}

bool TraceReader::next(Request& into) {
  std::string_view line;
  while (next_line(line)) {
    const Parsed parsed = parse(line, into);
    if (parsed.kind == Parsed::request) {
      into.line = report_.lines;
      ++report_.requests;
      return true;
    }
    if (parsed.kind == Parsed::skipped) {
      ++report_.skipped;
    } else {
      note_bad(parsed.why);
    }
  }
  check_end();
  return false;
}

void TraceReader::note_bad(const char* why) {
  ++report_.bad;
  if (report_.first_bad.size() < reported_lines) report_.first_bad.push_back({report_.lines, why});
  if (report_.lines >= lines_before_judging) check_bad_share();
}

bool TraceReader::too_many_bad() const noexcept {
  const auto bad = static_cast<double>(report_.bad);
  const auto lines = static_cast<double>(report_.lines);
  if (options_.max_bad_share) return bad > *options_.max_bad_share * lines;
  const bool forgiven = report_.bad <= forgiven_lines && bad < 0.5 * lines;
  return bad > default_bad_share * lines && !forgiven;
}

void TraceReader::check_bad_share() const {
  if (!too_many_bad()) return;
  std::string text = name_ + ": " + std::to_string(report_.bad) + " of " + std::to_string(report_.lines) +
                     " lines are malformed";
  for (const auto& bad : report_.first_bad) text += "\n  line " + std::to_string(bad.line) + ": " + bad.why;
  throw TraceError(text + "\n  give the right --format, or allow more malformed lines with --max-bad-lines");
}

void TraceReader::check_end() const {
  check_bad_share();
  if (report_.requests > 0 || (options_.stop && *options_.stop)) return;
  std::string text = name_ + " contains no request: ";
  text += report_.skipped > 0 ? "its lines are blank or not GET" : "it has only a header";
  throw TraceError(text);
}

std::optional<double> TraceReader::progress() const noexcept {
  const auto size = source_->stored_size();
  if (!size || *size == 0 || taken_ == 0) return std::nullopt;
  const double parsed = 1 - static_cast<double>(end_ - begin_) / static_cast<double>(taken_);
  return std::min(1.0, parsed * static_cast<double>(source_->consumed()) / static_cast<double>(*size));
}

}  // namespace terrace::traces
