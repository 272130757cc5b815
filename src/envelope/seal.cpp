#include "envelope/seal.hpp"

#include <stdexcept>
#include <string>

#include "base/words.hpp"
#include "envelope/sealing_key.hpp"
#include "envelope/wire.hpp"

namespace terrace::envelope {
namespace {

constexpr std::size_t id_size = 4;
constexpr std::size_t nonce_size = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_size = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(seal_size == id_size + nonce_size + tag_size);

unsigned char* writable(Bytes& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}
const unsigned char* octets(BytesView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

std::size_t begin_seal(const KeyRing& keys, Bytes& out) {
  append(out, keys.primary().id);
  out.resize(out.size() + nonce_size);
  randombytes_buf(out.data() + out.size() - nonce_size, nonce_size);
  return out.size();
}

void finish_seal(const KeyRing& keys, Bytes associated, Bytes& out, std::size_t begin) {
  associated.append(out, 0, begin - nonce_size);
  const std::size_t end = out.size();
  out.resize(end + tag_size);
  unsigned char* const text = writable(out) + begin;
  crypto_aead_xchacha20poly1305_ietf_encrypt_detached(text, writable(out) + end, nullptr, text, end - begin,
                                                      octets(associated), associated.size(), nullptr,
                                                      text - nonce_size, keys.primary().secret.get());
}

Result<Bytes> open_seal(const KeyRing& keys, Bytes associated, BytesView bytes, std::size_t at) {
  if (at > bytes.size() || bytes.size() - at < seal_size) return Error(Errc::corrupt, "a seal cut short");
  Reader reader(bytes.substr(at));
  std::uint32_t id = 0;
  BytesView nonce;
  BytesView cipher;
  reader.take(id);
  reader.take(nonce_size, nonce);
  reader.take(bytes.size() - at - seal_size, cipher);
  const SealingKey* const key = keys.find(id);
  if (key == nullptr)
    return Error(Errc::incompatible, "sealed with key " + std::to_string(id) + ", which is not in the ring");
  if (key->secret == nullptr)
    return Error(Errc::incompatible, "sealed with key " + std::to_string(id) + ", which is retired");

  associated += bytes.substr(0, at + id_size);
  Bytes plain(cipher.size(), '\0');
  if (crypto_aead_xchacha20poly1305_ietf_decrypt_detached(
          writable(plain), nullptr, octets(cipher), cipher.size(), octets(reader.rest()), octets(associated),
          associated.size(), octets(nonce), key->secret.get()) != 0) {
    return Error(Errc::corrupt, "the seal is broken: changed bytes, or moved from another place");
  }
  return plain;
}

Bytes seal(const KeyRing& keys, std::string_view associated, BytesView plain) {
  Bytes out;
  out.reserve(plain.size() + seal_size);
  const std::size_t begin = begin_seal(keys, out);
  out += plain;
  finish_seal(keys, Bytes(associated), out, begin);
  return out;
}

Result<Bytes> unseal(const KeyRing& keys, std::string_view associated, BytesView sealed) {
  return open_seal(keys, Bytes(associated), sealed, 0);
}

}  // namespace terrace::envelope
