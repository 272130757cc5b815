#include "traces/line_parsers.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace terrace::traces {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  const std::size_t from = text.find_first_not_of(blanks);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(blanks) - from + 1);
}

std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool equal_but_for_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

/// Cuts the next field off the row. A quoted one is unquoted into `scratch` where it holds quotes itself.
/// Nothing: a quote that never ends, or text after one.
std::optional<std::string_view> next_field(std::string_view& row, bool& more, std::string& scratch) {
  if (!row.starts_with('"')) {
    const std::size_t comma = row.find(',');
    more = comma != std::string_view::npos;
    const std::string_view field = row.substr(0, comma);
    row.remove_prefix(more ? comma + 1 : row.size());
    return field;
  }
  std::size_t end = 1;
  bool doubled = false;
  while (true) {
    end = row.find('"', end);
    if (end == std::string_view::npos) return std::nullopt;
    if (end + 1 == row.size() || row[end + 1] != '"') break;
    doubled = true;
    end += 2;
  }
  std::string_view field = row.substr(1, end - 1);
  row.remove_prefix(end + 1);
  more = row.starts_with(',');
  if (!more && !row.empty()) return std::nullopt;
  if (more) row.remove_prefix(1);
  if (doubled) {
    scratch.clear();
    for (std::size_t i = 0; i < field.size(); ++i) {
      scratch += field[i];
      if (field[i] == '"') ++i;
    }
    field = scratch;
  }
  return field;
}

/// The end of a quoted log field that began at 0: its closing quote, past quotes escaped with a backslash.
std::size_t closing_quote(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i;
    }
  }
  return std::string_view::npos;
}

std::string_view cut_word(std::string_view& text) {
  const std::size_t blank = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, blank);
  text.remove_prefix(std::min(blank + 1, text.size()));
  return word;
}

}  // namespace

Parsed parse_key_line(std::string_view line, Request& into) {
  std::string_view text = trimmed(line);
  if (text.empty()) return {Parsed::skipped};
  const auto number = to_number(text);
  if (!number) return {Parsed::malformed, "not an unsigned 64-bit decimal"};
  while (text.size() > 1 && text.front() == '0') text.remove_prefix(1);
  into.key = text;
  into.number = number;
  into.size.reset();
  return {Parsed::request};
}

Parsed parse_log_line(std::string_view line, Request& into) {
  if (trimmed(line).empty()) return {Parsed::skipped};
  constexpr std::string_view before_request = "] \"";
  const std::size_t date = line.find('[');
  const std::size_t quote = date == std::string_view::npos ? date : line.find(before_request, date);
  if (quote == std::string_view::npos) return {Parsed::malformed, "no [date] \"request\""};
  std::string_view rest = line.substr(quote + before_request.size());
  const std::size_t end = closing_quote(rest);
  if (end == std::string_view::npos) return {Parsed::malformed, "the request's quote is not closed"};
  std::string_view request = rest.substr(0, end);
  rest = trimmed(rest.substr(end + 1));

  const std::string_view status = cut_word(rest);
  if (status.size() != 3 || !to_number(status)) return {Parsed::malformed, "no status after the request"};
  const std::string_view sent = cut_word(rest);
  const auto bytes = to_number(sent);
  if (!bytes && sent != "-") return {Parsed::malformed, "no number of bytes after the status"};

  const std::string_view method = cut_word(request);
  const std::string_view target = cut_word(request);
  if (method != "GET" || target.empty()) return {Parsed::skipped};
  into.key = target;
  into.number.reset();
  into.size = bytes.value_or(0) == 0 ? std::nullopt : bytes;
  return {Parsed::request};
}

bool CsvRows::read_header(std::string_view line) {
  std::string_view row = trimmed(line);
  std::optional<std::size_t> key_column;
  bool more = true;
  for (columns_ = 0; more; ++columns_) {
    const auto field = next_field(row, more, unquoted_);
    if (!field) return false;
    if (!key_column && equal_but_for_case(trimmed(*field), "key")) key_column = columns_;
    if (!size_column_ && equal_but_for_case(trimmed(*field), "size")) size_column_ = columns_;
  }
  key_column_ = key_column.value_or(0);
  return key_column.has_value();
}

Parsed CsvRows::parse(std::string_view line, Request& into) {
  std::string_view row = line;
  if (row.ends_with('\r')) row.remove_suffix(1);
  if (row.empty()) return {Parsed::skipped};
  into.number.reset();
  into.size.reset();
  std::string scratch;
  std::size_t column = 0;
  for (bool more = true; more; ++column) {
    const auto field = next_field(row, more, column == key_column_ ? unquoted_ : scratch);
    if (!field) return {Parsed::malformed, "a quote is not closed"};
    if (column == key_column_) {
      into.key = *field;
    } else if (column == size_column_) {
      into.size = to_number(trimmed(*field));
      if (!into.size) return {Parsed::malformed, "the size is not an unsigned number"};
    }
  }
  if (column != columns_) return {Parsed::malformed, "the number of fields differs from the header"};
  return {Parsed::request};
}

std::uint64_t key_id(const Request& request) {
  if (request.number) return *request.number;
  const std::string_view key = request.key;
  if (key.size() == 1 || !key.starts_with('0')) {
    if (const auto number = to_number(key)) return *number;
  }
  return XXH3_64bits(key.data(), key.size());
}

}  // namespace terrace::traces
