#include "service/http_framing.hpp"

#include <algorithm>
#include <boost/asio/ip/address_v6.hpp>
#include <boost/beast/core/string.hpp>
#include <charconv>
#include <cstdint>
#include <vector>

namespace terrace::service {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter_or_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_in_token(char c) {
  return is_letter_or_digit(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [rest, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  return !text.empty() && is_digit(text.front()) && failed == std::errc{} &&
         rest == text.data() + text.size();
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// The fields that say where the request ends and for whom it is.
struct Framing {
  std::vector<std::string_view> hosts, lengths, codings;
};

std::optional<std::string> take_line(std::string_view line, Framing& framing) {
  if (line.front() == ' ' || line.front() == '\t') return "a line of the header is folded";
  if (std::any_of(line.begin(), line.end(), is_control))
    return "a line of the header has a control character";
  const auto colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  if (colon == std::string_view::npos || name.empty() ||
      !std::all_of(name.begin(), name.end(), is_in_token)) {
    return "a line of the header is not NAME: VALUE";
  }
  const std::string_view value = trimmed(line.substr(colon + 1));
  using boost::beast::iequals;
  if (iequals({name.data(), name.size()}, "Host")) framing.hosts.push_back(value);
  if (iequals({name.data(), name.size()}, "Content-Length")) framing.lengths.push_back(value);
  if (iequals({name.data(), name.size()}, "Transfer-Encoding")) framing.codings.push_back(value);
  return std::nullopt;
}

std::optional<std::string> mistake_of(const Framing& framing, bool is_1_0) {
  if (framing.hosts.size() > 1 || (framing.hosts.empty() && !is_1_0)) {
    return "a request needs exactly one Host header";
  }
  if (!framing.hosts.empty() && !host_of(framing.hosts[0])) return "the Host header is not HOST or HOST:PORT";
  if (framing.lengths.size() > 1) return "Content-Length is given twice";
  if (!framing.lengths.empty()) {
    const std::string_view length = framing.lengths[0];
    if (length.empty() || !std::all_of(length.begin(), length.end(), is_digit))
      return "Content-Length is not a number";
  }
  if (framing.codings.empty()) return std::nullopt;
  if (is_1_0) return "Transfer-Encoding needs HTTP/1.1";
  if (!framing.lengths.empty()) return "Content-Length and Transfer-Encoding exclude each other";
  const std::string_view coding = framing.codings[0];
  if (framing.codings.size() > 1 || !boost::beast::iequals({coding.data(), coding.size()}, "chunked")) {
    return "the only Transfer-Encoding is chunked";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> framing_mistake(std::string_view header) {
  constexpr std::string_view line_end = "\r\n";
  Framing framing;
  const std::string_view first = header.substr(0, header.find(line_end));
  if (std::any_of(first.begin(), first.end(), is_control)) return "the first line has a control character";
  header.remove_prefix(std::min(header.size(), first.size() + line_end.size()));
  while (!header.empty() && !header.starts_with(line_end)) {
    const std::string_view line = header.substr(0, header.find(line_end));
    if (auto mistake = take_line(line, framing)) return mistake;
    header.remove_prefix(std::min(header.size(), line.size() + line_end.size()));
  }
  return mistake_of(framing, first.ends_with("HTTP/1.0"));
}

std::optional<std::string> host_of(std::string_view host_field) {
  const auto fits = [](std::string_view port) {
    return port.empty() || (port.front() == ':' && is_port(port.substr(1)));
  };
  if (host_field.starts_with('[')) {
    const auto end = host_field.find(']');
    if (end == std::string_view::npos || !fits(host_field.substr(end + 1))) return std::nullopt;
    const std::string inside(host_field.substr(1, end - 1));
    boost::system::error_code failed;
    const auto address = boost::asio::ip::make_address_v6(inside, failed);
    if (failed || inside.find('%') != std::string::npos) return std::nullopt;
    return address.to_string();
  }
  const std::string_view name = host_field.substr(0, host_field.find(':'));
  const auto is_in_name = [](char c) { return is_letter_or_digit(c) || c == '-' || c == '.' || c == '_'; };
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_in_name) ||
      !fits(host_field.substr(name.size()))) {
    return std::nullopt;
  }
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return lower;
}

}  // namespace terrace::service
