#include "redis/resp.hpp"

#include <boost/redis/resp3/serialization.hpp>
#include <charconv>
#include <cstring>

namespace terrace::redis {
namespace resp3 = boost::redis::resp3;
namespace {

constexpr std::size_t initial_capacity = 64 * 1024;
constexpr std::size_t min_space = 16 * 1024;
constexpr std::size_t max_line = 64 * 1024;    // an error's text; Redis sends much shorter ones
constexpr std::size_t max_text = 128 * 1024;   // text other than values: a key in an array, the text of INFO
constexpr std::size_t max_elements = 1 << 20;  // of one array; SCAN sends a few thousand
constexpr std::size_t message_room = 32ULL << 20;  // size of a reply besides one value

/// The line of such a type contains a length, and that many bytes follow.
constexpr bool is_bulk(char type) noexcept {
  return type == '$' || type == '=' || type == '!';
}

}  // namespace

void begin_command(std::string& out, std::size_t parts) {
  resp3::add_header(out, resp3::type::array, parts);
}

void add_part(std::string& out, std::initializer_list<std::string_view> pieces) {
  std::size_t size = 0;
  for (const auto piece : pieces) size += piece.size();
  resp3::add_header(out, resp3::type::blob_string, size);
  for (const auto piece : pieces) out += piece;
  resp3::add_separator(out);
}

void add_command(std::string& out, std::initializer_list<std::string_view> parts) {
  begin_command(out, parts.size());
  for (const auto part : parts) add_part(out, part);
}

std::vector<std::vector<std::string_view>> parse_commands(std::string_view encoded) {
  const auto take_length = [&] {  // "*3\r\n" or "$3\r\n"
    std::size_t length = 0;
    const auto end = std::from_chars(encoded.data() + 1, encoded.data() + encoded.size(), length).ptr;
    encoded.remove_prefix(static_cast<std::size_t>(end - encoded.data()) + 2);
    return length;
  };
  std::vector<std::vector<std::string_view>> commands;
  while (!encoded.empty()) {
    auto& parts = commands.emplace_back();
    for (auto left = take_length(); left > 0; --left) {
      const auto size = take_length();
      parts.push_back(encoded.substr(0, size));
      encoded.remove_prefix(size + 2);
    }
  }
  return commands;
}

ReplyReader::ReplyReader(std::size_t max_value_bytes)
    : max_value_bytes_(max_value_bytes),
      buffer_(std::make_unique_for_overwrite<char[]>(initial_capacity)),
      capacity_(initial_capacity) {}

/// Grows by doubling, not to the length that the server announces: memory follows the bytes that really came.
void ReplyReader::grow() {
  auto bigger = std::make_unique_for_overwrite<char[]>(capacity_ * 2);
  std::memcpy(bigger.get(), buffer_.get() + begin_, end_ - begin_);
  buffer_ = std::move(bigger);
  capacity_ *= 2;
  end_ -= begin_;
  begin_ = 0;
}

std::span<char> ReplyReader::space() {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (capacity_ > 16 * initial_capacity) {
      buffer_ = std::make_unique_for_overwrite<char[]>(initial_capacity);
      capacity_ = initial_capacity;
    }
  }
  if (capacity_ - end_ < min_space) {
    if (end_ - begin_ > capacity_ / 2) {
      grow();
    } else {
      std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
  }
  return {buffer_.get() + end_, capacity_ - end_};
}

ReplyReader::Step ReplyReader::broken(std::string why) {
  why_ = std::move(why);
  return Step::broken;
}

ReplyReader::Line ReplyReader::check_length(char type, std::string_view digits, bool top_level,
                                            std::size_t line_end) {
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc() || end != digits.data() + digits.size()) return Line::bad;
  if (!is_bulk(type)) return length <= max_elements ? Line::fine : Line::bad;
  if (length <= max_value_bytes_) return Line::fine;
  if (type != '$' || !top_level) return length <= max_text ? Line::fine : Line::bad;
  if (length > SIZE_MAX / 2) return Line::bad;
  skipped_ = std::string(too_large) + "the value found has " + std::to_string(length) +
             " bytes, the limit is " + std::to_string(max_value_bytes_);
  skip_ = line_end + 2 + length + 2;
  return Line::skip;
}

/// The parser trusts its input: it would accept any length, and abort the process on an empty one.
ReplyReader::Line ReplyReader::check_line(std::string_view message) {
  const std::size_t from = parser_.get_consumed();
  const std::size_t line_end = message.find("\r\n", from);
  if (line_end == std::string_view::npos)
    return message.size() - from > max_line ? Line::bad : Line::incomplete;
  if (line_end == from) return Line::bad;
  switch (const char type = message[from]) {
    case '$':
    case '=':
    case '!':
    case '*':
    case '%':
    case '~':
    case '>':
      return check_length(type, message.substr(from + 1, line_end - from - 1), from == 0, line_end);
    case '+':
    case '-':
    case ':':
    case ',':
    case '#':
    case '(':
    case '_':
      return Line::fine;
    default:
      return Line::bad;
  }
}

ReplyReader::Step ReplyReader::skip(Item& item) {
  const std::size_t now = std::min(skip_, end_ - begin_);
  begin_ += now;
  skip_ -= now;
  if (skip_ > 0) return Step::need_more;
  item = {Node{NodeType::blob_error, 1, 0, skipped_}, true, false};
  return Step::node;
}

ReplyReader::Step ReplyReader::next(Item& item) {
  while (true) {
    if (skip_ > 0) return skip(item);
    const std::string_view message(buffer_.get() + begin_, end_ - begin_);
    if (message.size() > max_value_bytes_ + message_room)
      return broken("a reply is larger than any it may send");
    if (!in_bulk_) {
      const Line line = check_line(message);
      if (line == Line::incomplete) return Step::need_more;
      if (line == Line::bad) return broken("its reply is not RESP3, or has a length over the limit");
      if (line == Line::skip) continue;
      in_bulk_ = is_bulk(message[parser_.get_consumed()]);
    }
    if (!in_reply_) {
      in_reply_ = true;
      in_push_ = message[0] == '>';
    }
    boost::system::error_code ec;
    const auto node = parser_.consume(message, ec);
    if (ec) return broken("its reply cannot be parsed: " + ec.message());
    if (!node) return Step::need_more;
    in_bulk_ = false;
    item = {*node, parser_.done(), in_push_};
    if (item.last) {
      begin_ += parser_.get_consumed();
      parser_.reset();
      in_reply_ = false;
    }
    return Step::node;
  }
}

}  // namespace terrace::redis
