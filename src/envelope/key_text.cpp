#include "envelope/key_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <new>
#include <optional>
#include <stdexcept>
#include <terrace/result.hpp>

namespace terrace::envelope {
namespace {

constexpr std::array<std::string_view, 3> state_names = {"primary", "secondary", "retired"};
constexpr int base64 = sodium_base64_VARIANT_ORIGINAL;

/// Call it before any use of libsodium: it chooses the fastest code for this processor.
void start_sodium() {
  static const bool started = sodium_init() >= 0;
  if (!started) throw std::runtime_error("libsodium cannot start: the system gives no random bytes");
}

[[noreturn]] void refuse(std::size_t line, const std::string& why) {
  throw ConfigError("keys, line " + std::to_string(line) + ": " + why);
}

/// Takes the next word off the front; empty: none is left.
std::string_view take_word(std::string_view& line) {
  constexpr std::string_view blanks = " \t\r";
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

std::optional<std::uint32_t> id_of(std::string_view word) {
  std::uint32_t id = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
  if (error != std::errc{} || end != word.data() + word.size() || id == 0) return std::nullopt;
  return id;
}

std::optional<KeyState> state_of(std::string_view word) {
  const auto* const name = std::find(state_names.begin(), state_names.end(), word);
  if (name == state_names.end()) return std::nullopt;
  return static_cast<KeyState>(name - state_names.begin());
}

/// Null: not the Base64 of that many bytes.
std::unique_ptr<unsigned char, FreeSecret> secret_of(std::string_view word) {
  std::unique_ptr<unsigned char, FreeSecret> secret(static_cast<unsigned char*>(sodium_malloc(secret_size)));
  if (secret == nullptr) throw std::bad_alloc();
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(secret.get(), secret_size, word.data(), word.size(), nullptr, &size, &end, base64) !=
          0 ||
      size != secret_size || end != word.data() + word.size()) {
    return nullptr;
  }
  sodium_mprotect_readonly(secret.get());
  return secret;
}

KeyLine parse_line(std::string_view text, std::size_t line) {
  const std::string_view id = take_word(text);
  const std::string_view state = take_word(text);
  const std::string_view secret = take_word(text);
  if (secret.empty() || !take_word(text).empty()) {
    refuse(line, "a key is a line ID STATE KEY, as `terrace keys generate` writes it");
  }
  const auto number = id_of(id);
  if (!number) refuse(line, "the id must be a number from 1 to 4294967295");
  const auto known = state_of(state);
  if (!known) refuse(line, "the state must be primary, secondary or retired");
  auto bytes = secret_of(secret);
  if (bytes == nullptr) refuse(line, "the key must be 32 bytes in Base64: 44 characters");
  return {.key = {.id = *number, .secret = std::move(bytes)}, .state = *known, .state_text = state};
}

void refuse_twins(const std::vector<KeyLine>& before, const KeyLine& added, std::size_t line) {
  for (const KeyLine& other : before) {
    if (other.key.id == added.key.id) {
      refuse(line, "id " + std::to_string(other.key.id) + " is used twice: give each key its own id");
    }
    if (sodium_memcmp(other.key.secret.get(), added.key.secret.get(), secret_size) == 0) {
      refuse(line,
             "the key is the same as that of id " + std::to_string(other.key.id) + ": each must be new");
    }
  }
}

}  // namespace

std::vector<KeyLine> parse_key_lines(std::string_view text) {
  start_sodium();
  if (text.size() > max_key_text) throw ConfigError("keys: the text has more than 64 KiB");
  std::vector<KeyLine> keys;
  for (std::size_t line = 1; !text.empty(); ++line) {
    std::string_view content = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(content.size() + 1, text.size()));
    content = content.substr(0, content.find('#'));
    if (std::string_view blank = content; take_word(blank).empty()) continue;
    KeyLine parsed = parse_line(content, line);
    refuse_twins(keys, parsed, line);
    keys.push_back(std::move(parsed));
  }
  const auto primaries =
      std::count_if(keys.begin(), keys.end(), [](const KeyLine& k) { return k.state == KeyState::primary; });
  if (primaries != 1) {
    throw ConfigError("keys: " + std::to_string(primaries) +
                      " keys are primary: exactly one must be, which seals new entries");
  }
  return keys;
}

std::string new_key_line(std::uint32_t id, KeyState state) {
  start_sodium();
  std::array<unsigned char, secret_size> secret;
  randombytes_buf(secret.data(), secret.size());
  std::array<char, sodium_base64_ENCODED_LEN(secret_size, base64)> text;
  sodium_bin2base64(text.data(), text.size(), secret.data(), secret.size(), base64);
  std::string line = std::to_string(id) + ' ' + std::string(to_string(state)) + ' ' + text.data() + '\n';
  sodium_memzero(secret.data(), secret.size());
  sodium_memzero(text.data(), text.size());
  return line;
}

std::string_view to_string(KeyState state) noexcept {
  return state_names[static_cast<std::size_t>(state)];
}

}  // namespace terrace::envelope
