/// Opens what the fuzzer makes up as a sealed entry: once as it is, which must never open, and once rightly
/// sealed, with the first bytes as the entry's head, so that what lies behind the tag is reached too. What
/// opens must come out the same when wrapped and opened again.

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "envelope/envelope.hpp"
#include "envelope/seal.hpp"

namespace {

using namespace terrace;

constexpr std::size_t max_payload = 1 << 20;

const KeyRing& keys() {
  static const auto ring = KeyRing::parse(generate_key_ring());
  return *ring;
}

Result<envelope::Opened> opened(BytesView stored) {
  return envelope::open("ns", "key", stored, {.max_payload = max_payload, .keys = &keys()});
}

/// Magic and format, then as much of the input as its own flags say, then the rest of it sealed.
Bytes sealed(BytesView input) {
  using namespace std::string_literals;
  Bytes head = "\xc1T\1"s;
  head += input.substr(0, 3);
  head.resize(6);
  head[4] = static_cast<char>(head[4] | 0x40);
  const auto fields = static_cast<std::size_t>(std::popcount(static_cast<unsigned>(head[4] & 0b11100)));
  input.remove_prefix(std::min<std::size_t>(3, input.size()));
  const std::size_t rest = std::min(16 + 8 * fields, input.size());
  head += input.substr(0, rest);
  head.resize(22 + 8 * fields);
  return head + envelope::seal(keys(), "\x02\0\0\0ns\x03\0\0\0key"s + head, input.substr(rest));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView input(reinterpret_cast<const char*>(data), size);
  if (opened(input)) std::abort();

  const auto first = opened(sealed(input));
  if (!first) return 0;
  if (first->payload().size() > max_payload) std::abort();
  const Bytes again = envelope::wrap("ns", "key", first->meta, first->payload(), {.enabled = false}, &keys());
  const auto second = opened(again);
  if (!second || second->meta != first->meta || second->payload() != first->payload()) std::abort();
  return 0;
}
