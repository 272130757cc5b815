/// Opens what the fuzzer makes up, once as it is and once with a right checksum, so that the fields behind it
/// are reached too. What opens must come out the same when wrapped and opened again.

#include <xxhash.h>

#include <cstdlib>

#include "envelope/envelope.hpp"

namespace {

using namespace terrace;

void open_and_check(BytesView stored) {
  constexpr envelope::Limits limits{.max_payload = 1 << 20};
  const Result<envelope::Opened> opened = envelope::open("ns", "key", stored, limits);
  if (!opened) return;
  if (opened->payload().size() > limits.max_payload) std::abort();
  const Bytes again = envelope::wrap("ns", "key", opened->meta, opened->payload(), {.enabled = false});
  const Result<envelope::Opened> reopened = envelope::open("ns", "key", again, limits);
  if (!reopened || reopened->meta != opened->meta || reopened->payload() != opened->payload()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView input(reinterpret_cast<const char*>(data), size);
  open_and_check(input);

  using namespace std::string_literals;
  static const Bytes place = "\x02\0\0\0ns\x03\0\0\0key"s;
  static const XXH64_hash_t seed = XXH3_64bits(place.data(), place.size());
  const XXH64_hash_t sum = XXH3_64bits_withSeed(data, size, seed);
  Bytes summed(input);
  summed.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  open_and_check(summed);
  return 0;
}
