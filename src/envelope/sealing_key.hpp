#pragma once
/// SealingKey: the entry of a KeyRing for one id.

#include <sodium.h>

#include <cstdint>
#include <memory>

namespace terrace::envelope {

struct FreeSecret {
  /// Wipes it first.
  void operator()(unsigned char* secret) const noexcept { sodium_free(secret); }
};

inline constexpr std::size_t secret_size = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;

struct SealingKey {
  std::uint32_t id = 0;
  /// `secret_size` bytes, read only; null: retired.
  std::unique_ptr<unsigned char, FreeSecret> secret;
};

}  // namespace terrace::envelope
