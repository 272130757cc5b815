/// Key rings that the fuzzer makes up, each @ in them standing for a sound key: refused by ConfigError, or
/// usable. The steps of a rotation make rings of a ring, which open what it sealed until its key is retired.

#include <cstdlib>

#include "envelope/seal.hpp"

namespace {

using namespace terrace;

std::string with_keys(std::string_view input) {
  std::string text;
  char next = 'A';
  for (const char c : input) {
    if (c != '@') {
      text += c;
      continue;
    }
    text += next + std::string(42, 'A') + '=';
    next = next == 'Z' ? 'A' : static_cast<char>(next + 1);
  }
  return text;
}

void rotate(const std::string& text) {
  const auto ring = KeyRing::parse(text);
  const Bytes sealed = envelope::seal(*ring, "fuzz", "plain");
  const auto opens = [&](const std::string& other) {
    return envelope::unseal(*KeyRing::parse(other), "fuzz", sealed).has_value();
  };
  if (!opens(text)) std::abort();
  const std::string added = rotate_key_ring(text, RotationStep::add);
  const std::string promoted = rotate_key_ring(added, RotationStep::promote);
  if (!opens(added) || !opens(promoted)) std::abort();
  if (opens(rotate_key_ring(promoted, RotationStep::retire))) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    rotate(with_keys({reinterpret_cast<const char*>(data), size}));
  } catch (const ConfigError&) {
  }
  return 0;
}
