#pragma once
/// KeyRing: the secret keys that stored entries are sealed with, so that whoever can read or write the store
/// can neither read nor make values.
///
///     auto keys = terrace::KeyRing::from_file("/etc/app/terrace.keys");
///     terrace::Cache<User> users({.name = "users", .key_ring = keys}, {redis});
///
/// Text form: a line for each key, `ID STATE KEY`: a number from 1 to 4294967295, never used for two keys;
/// primary, secondary or retired; 32 random bytes in Base64. `#` begins a comment.
///
///     # terrace keys
///     1 secondary vjJ1W2yQ…=
///     2 primary   0pX9lq3T…=
///
/// The one primary key seals and opens, secondary ones only open, and what a retired one sealed is refused.
/// `terrace keys` makes and rotates such files: docs/sealing.md. Every key is one of XChaCha20-Poly1305
/// (draft-irtf-cfrg-xchacha-03, by libsodium).
///
/// Immutable and thread safe. Secrets lie in guarded memory that is kept out of core dumps and, as far as the
/// limit on locked memory allows, out of swap, and that is wiped at the end. No message shows one: messages
/// name lines, never their words.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <terrace/result.hpp>
#include <vector>

namespace terrace {

namespace envelope {
struct SealingKey;
}

class KeyRing {
 public:
  /// Throws ConfigError that tells the line and what would be right.
  [[nodiscard]] static std::shared_ptr<const KeyRing> parse(std::string_view text);
  /// The same for a file, which only its owner may have access to (mode 0600 or 0400).
  [[nodiscard]] static std::shared_ptr<const KeyRing> from_file(const std::filesystem::path& path);

  ~KeyRing();
  KeyRing(const KeyRing&) = delete;
  KeyRing& operator=(const KeyRing&) = delete;

  /// For terrace's own floors: programs cannot look into a key. find() gives null for an unknown id.
  [[nodiscard]] const envelope::SealingKey& primary() const noexcept;
  [[nodiscard]] const envelope::SealingKey* find(std::uint32_t id) const noexcept;

 private:
  explicit KeyRing(std::vector<envelope::SealingKey> keys);

  std::vector<envelope::SealingKey> keys_;
};

/// The text of a new ring: one primary key, fresh from the system's random source.
[[nodiscard]] std::string generate_key_ring();

/// The three steps of a rotation. Each is complete when every process has the new text.
enum class RotationStep : std::uint8_t {
  add,      ///< a new secondary key: everyone learns to open with it before anyone seals
  promote,  ///< it becomes the primary key; the one before opens what it sealed
  retire,   ///< keys older than the primary one are refused: when all they sealed has expired
};

/// The text after the step; comments stay. Throws ConfigError when the text is no ring or it is not the
/// step's turn.
[[nodiscard]] std::string rotate_key_ring(std::string_view text, RotationStep step);

}  // namespace terrace
