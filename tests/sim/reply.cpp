#include "sim/reply.hpp"

#include <charconv>

namespace terrace::sim {
namespace {

void add_line(std::string& out, char type, std::string_view text) {
  ((out += type) += text) += "\r\n";
}
void add_number(std::string& out, char type, std::int64_t number) {
  add_line(out, type, std::to_string(number));
}
void add_bulk(std::string& out, char type, std::string_view text) {
  add_number(out, type, static_cast<std::int64_t>(text.size()));
  (out += text) += "\r\n";
}
std::int64_t count(std::size_t items) {
  return static_cast<std::int64_t>(items);
}

}  // namespace

void encode(std::string& out, const Reply& reply, int protocol) {
  using Kind = Reply::Kind;
  if (reply.protocol != 0) protocol = reply.protocol;
  const bool three = protocol == 3;
  switch (reply.kind) {
    case Kind::null:
      return add_line(out, three ? '_' : '$', three ? "" : "-1");
    case Kind::status:
      return add_line(out, '+', reply.text);
    case Kind::error:
      return add_line(out, '-', reply.text);
    case Kind::integer:
      return add_number(out, ':', reply.number);
    case Kind::bulk:
      return add_bulk(out, '$', reply.text);
    case Kind::verbatim:
      return three ? add_bulk(out, '=', "txt:" + reply.text) : add_bulk(out, '$', reply.text);
    case Kind::map:
      three ? add_number(out, '%', count(reply.items.size() / 2))
            : add_number(out, '*', count(reply.items.size()));
      break;
    case Kind::array:
      add_number(out, '*', count(reply.items.size()));
      break;
  }
  for (const Reply& item : reply.items) encode(out, item, protocol);
}

void encode_invalidation(std::string& out, const std::vector<std::string>* keys) {
  add_number(out, '>', 2);
  add_bulk(out, '$', "invalidate");
  if (keys == nullptr) return add_line(out, '_', "");
  add_number(out, '*', count(keys->size()));
  for (const std::string& key : *keys) add_bulk(out, '$', key);
}

/// The number of a line such as "*3" or "$5" at `at`, which moves behind it.
std::optional<std::size_t> RequestReader::take_length(char type, std::size_t& at) {
  if (at >= bytes_.size()) return std::nullopt;
  const std::size_t end = bytes_.find("\r\n", at);
  if (bytes_[at] != type) broken_ = true;
  if (broken_ || end == std::string::npos) return std::nullopt;
  std::size_t length = 0;
  const auto parsed = std::from_chars(bytes_.data() + at + 1, bytes_.data() + end, length);
  if (parsed.ec != std::errc() || parsed.ptr != bytes_.data() + end) broken_ = true;
  if (broken_) return std::nullopt;
  at = end + 2;
  return length;
}

std::optional<Args> RequestReader::next() {
  std::size_t at = 0;
  const auto parts = take_length('*', at);
  if (!parts) return std::nullopt;
  Args args;
  for (std::size_t i = 0; i < *parts; ++i) {
    const auto size = take_length('$', at);
    if (!size || bytes_.size() - at < *size + 2) return std::nullopt;
    args.push_back(bytes_.substr(at, *size));
    at += *size + 2;
  }
  bytes_.erase(0, at);
  return args;
}

std::size_t message_length(std::string_view bytes) {
  std::size_t end = bytes.find("\r\n");
  if (end == std::string_view::npos) return 0;
  const char type = bytes[0];
  std::int64_t number = 0;
  std::from_chars(bytes.data() + 1, bytes.data() + end, number);
  end += 2;
  if (type == '$' || type == '=') {
    if (number < 0) return end;
    end += static_cast<std::size_t>(number) + 2;
    return bytes.size() >= end ? end : 0;
  }
  if (type != '*' && type != '>' && type != '%') return end;
  for (std::int64_t left = type == '%' ? 2 * number : number; left > 0; --left) {
    const std::size_t item = message_length(bytes.substr(end));
    if (item == 0) return 0;
    end += item;
  }
  return end;
}

}  // namespace terrace::sim
