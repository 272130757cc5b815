#pragma once
/// Seals: authenticated encryption of bytes with a KeyRing's keys. Bytes open only if they were sealed with
/// one of the keys for the same associated data, byte for byte. XChaCha20-Poly1305 by libsodium, which
/// compares tags in constant time.
///
/// A seal is the key's id (u32), the nonce (24 random bytes), the ciphertext and the tag (16 bytes). The
/// random bytes come from the system for each seal (getrandom), so nothing repeats after a fork; of 2^64
/// nonces of 192 random bits two are equal with a probability of 2^-65.
///
/// Thread safe.

#include <string_view>
#include <terrace/bytes.hpp>
#include <terrace/key_ring.hpp>
#include <terrace/result.hpp>

namespace terrace::envelope {

/// Bytes that a seal adds.
inline constexpr std::size_t seal_size = 4 + 24 + 16;

/// The bytes sealed with the primary key. `associated` says what they are and where they belong; it is not
/// stored. Different uses of one ring must differ in the beginning of `associated`: an envelope's begins with
/// a length below 2^24, so any text of four bytes or more differs from it.
[[nodiscard]] Bytes seal(const KeyRing& keys, std::string_view associated, BytesView plain);

/// Errc::incompatible: sealed with an unknown or a retired key. Errc::corrupt: changed, truncated, or sealed
/// with other associated data or another key with that id.
[[nodiscard]] Result<Bytes> unseal(const KeyRing& keys, std::string_view associated, BytesView sealed);

/// Seals in place, in two steps. The first appends the key's id and the nonce to `out` and returns the place
/// where the secret begins. The second encrypts everything appended to `out` from there on, and appends the
/// tag. The bytes of `out` before the nonce are appended to the associated data.
[[nodiscard]] std::size_t begin_seal(const KeyRing& keys, Bytes& out);
void finish_seal(const KeyRing& keys, Bytes associated, Bytes& out, std::size_t begin);

/// Opens the result of these two functions; the seal begins at `at`.
[[nodiscard]] Result<Bytes> open_seal(const KeyRing& keys, Bytes associated, BytesView bytes, std::size_t at);

}  // namespace terrace::envelope
