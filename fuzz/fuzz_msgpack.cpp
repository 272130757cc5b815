/// Decodes what the fuzzer makes up into types of every kind. What decodes must encode, and decode to the
/// same bytes again.

#include <cstdlib>

#include "envelope/samples.hpp"

namespace {

using namespace terrace;

template <class V>
void decode_and_check(BytesView input) {
  const Result<V> value = Codec<V>::decode(input);
  if (!value) return;
  Bytes once;
  if (!Codec<V>::encode(*value, once)) std::abort();
  const Result<V> again = Codec<V>::decode(once);
  if (!again) std::abort();
  Bytes twice;
  if (!Codec<V>::encode(*again, twice) || twice.size() != once.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView input(reinterpret_cast<const char*>(data), size);
  decode_and_check<samples::Everything>(input);
  decode_and_check<samples::Tree>(input);
  decode_and_check<
      std::vector<std::variant<bool, std::int64_t, float, double, std::string, std::vector<std::byte>>>>(
      input);
  decode_and_check<std::map<std::string, std::vector<std::optional<samples::Inner>>>>(input);
  decode_and_check<std::optional<std::optional<std::unique_ptr<std::int32_t>>>>(input);
  return 0;
}
