#pragma once
/// KeyRing: the secret keys that seal (encrypt and authenticate) stored entries. A person or program that can
/// read or write the store, but has no key, can neither read values nor make valid ones.
///
///     auto keys = terrace::KeyRing::from_file("/etc/app/terrace.keys");
///     terrace::Cache<User> users({.name = "users", .key_ring = keys}, {redis});
///
/// Text form: one line for each key, `ID STATE KEY`. ID is a number from 1 to 4294967295, never used for two
/// keys; STATE is primary, secondary or retired; KEY is 32 random bytes in Base64. `#` begins a comment.
///
///     # terrace keys
///     1 secondary vjJ1W2yQ…=
///     2 primary   0pX9lq3T…=
///
/// The one primary key seals and opens; secondary keys only open; entries sealed with a retired key are
/// rejected. `terrace keys` makes and rotates such files: docs/sealing.md. Every key is a key of
/// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03, by libsodium).
///
/// Immutable and thread safe. Secrets are kept in guarded memory, out of core dumps and, as far as the limit
/// on locked memory allows, out of swap; the memory is wiped at the end. No message shows a secret: messages
/// name lines, never their content.

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
  /// Throws ConfigError that names the line and says what would be right.
  [[nodiscard]] static std::shared_ptr<const KeyRing> parse(std::string_view text);
  /// Whose file a key ring may be read from.
  enum class Owner : std::uint8_t {
    trusted,  ///< this user's or root's: the owner chooses the keys
    any,      ///< anybody's: for tools that only check or change a file
  };
  /// The same for a file. Only its owner may have access to it (mode 0600 or 0400).
  [[nodiscard]] static std::shared_ptr<const KeyRing> from_file(const std::filesystem::path& path,
                                                                Owner owner = Owner::trusted);

  ~KeyRing();
  KeyRing(const KeyRing&) = delete;
  KeyRing& operator=(const KeyRing&) = delete;

  /// For terrace's own layers: programs cannot look into a key. find() returns null for an unknown id.
  [[nodiscard]] const envelope::SealingKey& primary() const noexcept;
  [[nodiscard]] const envelope::SealingKey* find(std::uint32_t id) const noexcept;

 private:
  explicit KeyRing(std::vector<envelope::SealingKey> keys);

  std::vector<envelope::SealingKey> keys_;
};

/// The text of a new ring: one primary key, from the system's random source.
[[nodiscard]] std::string generate_key_ring();

/// The three steps of a rotation. A step is complete when every process has the new text.
enum class RotationStep : std::uint8_t {
  add,  ///< adds a secondary key: every process must be able to open with it before any process seals with it
  promote,  ///< makes it the primary key; the former primary key still opens the entries it sealed
  retire,   ///< retires the keys older than the primary one: do this when all entries that they sealed have
            ///< expired
};

/// The text after the step; comments are kept. Throws ConfigError if the text is no key ring, or if this step
/// is not the next one.
[[nodiscard]] std::string rotate_key_ring(std::string_view text, RotationStep step);

}  // namespace terrace
