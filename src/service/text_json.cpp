#include "service/text_json.hpp"

#include <sodium.h>

#include <array>
#include <boost/json/object.hpp>

namespace terrace::service {

namespace json = boost::json;
namespace {

constexpr int variant = sodium_base64_VARIANT_ORIGINAL;

/// The length of the sequence at the beginning of these bytes, 0: there is none. Table 3-7 of the Unicode
/// Standard.
std::size_t sequence(BytesView bytes) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const auto follows = [&](std::size_t i, unsigned least = 0x80, unsigned most = 0xbf) {
    return i < bytes.size() && at(i) >= least && at(i) <= most;
  };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool second = follows(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf);
    return second && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool second = follows(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf);
    return second && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool is_utf8(BytesView bytes) noexcept {
  while (!bytes.empty()) {
    const std::size_t length = sequence(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string to_base64(BytesView bytes) {
  std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), variant);
  text.pop_back();  // the NUL
  return text;
}

std::optional<Bytes> from_base64(std::string_view text) {
  Bytes bytes(text.size() / 4 * 3 + 3, '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &size, &end, variant) != 0 ||
      end != text.data() + text.size()) {
    return std::nullopt;
  }
  bytes.resize(size);
  return bytes;
}

json::object marked_bytes(std::string_view name, BytesView bytes) {
  return {{name, to_base64(bytes)}};
}

std::optional<Bytes> marked_bytes_of(const json::value& value, std::string_view name) {
  const json::object* const object = value.if_object();
  if (object == nullptr || object->size() != 1) return std::nullopt;
  const json::value* const held = object->if_contains(name);
  if (held == nullptr || !held->is_string()) return std::nullopt;
  return from_base64(held->get_string());
}

json::value text_or_bytes(BytesView bytes) {
  if (is_utf8(bytes)) return json::string(bytes);
  return marked_bytes("$bytes", bytes);
}

std::optional<Bytes> bytes_of(const json::value& value) {
  if (const json::string* const text = value.if_string()) return Bytes(*text);
  return marked_bytes_of(value, "$bytes");
}

}  // namespace terrace::service
