#include <xxhash.h>

#include <array>
#include <random>
#include <terrace/hash.hpp>

namespace terrace::detail {
namespace {

constexpr std::size_t secret_size = 192;

struct Secrets {
  std::array<unsigned char, secret_size> bytes;
  HashSeeds seeds;

  Secrets() {
    std::random_device random;  // getrandom() or RDRAND in libstdc++
    for (auto& byte : bytes) byte = static_cast<unsigned char>(random());
    const auto word = [&] { return (std::uint64_t{random()} << 32) | random(); };
    seeds = {word(), word() | 1};
  }
};

const Secrets& secrets() noexcept {
  static const Secrets drawn;
  return drawn;
}

}  // namespace

const HashSeeds& process_seeds() noexcept {
  return secrets().seeds;
}

std::uint64_t keyed_hash(const void* data, std::size_t size) noexcept {
  return XXH3_64bits_withSecret(data, size, secrets().bytes.data(), secret_size);
}

}  // namespace terrace::detail
