// bench_envelope [--quick]: what wrapping and opening an entry costs: sealed, beside bare libsodium on the
// same payload (XChaCha20-Poly1305 with a fresh random nonce, into a buffer that is there already), and not
// sealed. Payloads are random, so that compression has nothing to win; it is off but where it is named. The
// contestants take turns within one run; medians of the thread's processor time, and ratios to bare
// libsodium.

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <functional>
#include <random>
#include <string_view>
#include <terrace/key_ring.hpp>
#include <vector>

#include "envelope/envelope.hpp"

namespace terrace::bench {
namespace {

using namespace std::chrono_literals;

double thread_time_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Contestant {
  const char* name;
  std::function<bool()> run;  // false: something is wrong
  std::vector<double> ns = {};
};

double measure(const Contestant& contestant, int repeats) {
  const double began = thread_time_ns();
  for (int i = 0; i < repeats; ++i) {
    if (!contestant.run()) std::puts("WRONG RESULT");
  }
  return (thread_time_ns() - began) / repeats;
}

void compete(const char* title, std::vector<Contestant> all, int rounds, int repeats) {
  for (int round = 0; round < rounds; ++round) {
    for (Contestant& contestant : all) contestant.ns.push_back(measure(contestant, repeats));
  }
  std::printf("\n%-40s %9s %7s\n", title, "ns", "ratio");
  for (const Contestant& contestant : all) {
    std::printf("%-40s %9.0f %7.2f\n", contestant.name, median(contestant.ns),
                median(contestant.ns) / median(all[0].ns));
  }
}

/// One payload, and all that is done with it.
class Subject {
 public:
  explicit Subject(std::size_t size) : payload_(size, '\0'), cipher_(size + tag_size), plain_(size) {
    std::mt19937_64 random(size);
    for (char& c : payload_) c = static_cast<char>(random());
    randombytes_buf(secret_.data(), secret_.size());
    bare_seal();
  }

  bool bare_seal() {
    randombytes_buf(nonce_.data(), nonce_.size());
    const auto* message = reinterpret_cast<const unsigned char*>(payload_.data());
    return crypto_aead_xchacha20poly1305_ietf_encrypt(cipher_.data(), nullptr, message, payload_.size(),
                                                      nullptr, 0, nullptr, nonce_.data(),
                                                      secret_.data()) == 0;
  }
  bool bare_open() {
    return crypto_aead_xchacha20poly1305_ietf_decrypt(plain_.data(), nullptr, nullptr, cipher_.data(),
                                                      cipher_.size(), nullptr, 0, nonce_.data(),
                                                      secret_.data()) == 0;
  }
  [[nodiscard]] Bytes wrap(const KeyRing* keys, bool compress = false) const {
    return envelope::wrap("users", "user:1234567", meta_, payload_, {.enabled = compress}, keys);
  }
  [[nodiscard]] bool opens(const Bytes& stored, const KeyRing* keys) const {
    const auto opened = envelope::open("users", "user:1234567", stored, {.keys = keys});
    return opened && opened->payload().size() == payload_.size();
  }

 private:
  static constexpr std::size_t tag_size = crypto_aead_xchacha20poly1305_ietf_ABYTES;
  Bytes payload_;
  std::array<unsigned char, crypto_aead_xchacha20poly1305_ietf_KEYBYTES> secret_{};
  std::array<unsigned char, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES> nonce_{};
  std::vector<unsigned char> cipher_;
  std::vector<unsigned char> plain_;
  envelope::EnvelopeMeta meta_{.created = WallTime(1'700'000'000'123ms),
                               .fresh_until = WallTime(1'700'000'060'123ms),
                               .codec = 1,
                               .schema = 7};
};

void run(std::size_t size, bool quick) {
  const auto ring = KeyRing::parse(generate_key_ring());
  const KeyRing* const keys = ring.get();
  Subject subject(size);
  const Bytes sealed = subject.wrap(keys);
  const Bytes checked = subject.wrap(nullptr);
  const int rounds = quick ? 3 : 51;
  const int repeats = quick ? 100 : static_cast<int>(20'000'000 / (size + 4000));
  std::printf("\n%zu bytes\n", size);
  compete("making",
          {{"libsodium: random nonce, encrypt", [&] { return subject.bare_seal(); }},
           {"wrap, sealed", [&] { return !subject.wrap(keys).empty(); }},
           {"wrap, sealed, compression tried", [&] { return !subject.wrap(keys, true).empty(); }},
           {"wrap, checksum only", [&] { return !subject.wrap(nullptr).empty(); }}},
          rounds, repeats);
  compete("opening",
          {{"libsodium: decrypt", [&] { return subject.bare_open(); }},
           {"open, sealed", [&] { return subject.opens(sealed, keys); }},
           {"open, checksum only", [&] { return subject.opens(checked, nullptr); }}},
          rounds, repeats);
}

}  // namespace
}  // namespace terrace::bench

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::string_view(argv[1]) == "--quick";
  for (const std::size_t size : {64U, 1024U, 16384U}) terrace::bench::run(size, quick);
}
