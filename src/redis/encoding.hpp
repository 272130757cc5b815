#pragma once
/// Encoding: which operations a tier with these options accepts, and their commands. Thread safe.

#include <optional>
#include <string>
#include <terrace/redis.hpp>
#include <terrace/tier.hpp>

#include "redis/keys.hpp"
#include "redis/slots.hpp"

namespace terrace::redis {

class Encoding {
 public:
  Encoding(const RedisOptions& options, const Clock& clock, Naming naming)
      : options_(options), clock_(clock), naming_(naming) {}

  [[nodiscard]] const std::string& key_prefix() const noexcept { return options_.key_prefix; }
  [[nodiscard]] Naming naming() const noexcept { return naming_; }
  /// The slot of the key in a cluster; otherwise 0.
  [[nodiscard]] Slot slot(std::string_view key) const;

  /// Why the operation is rejected; nothing if it is accepted.
  [[nodiscard]] std::optional<Error> refusal(std::string_view key, TimePoint deadline) const;
  [[nodiscard]] std::optional<Error> refusal(const TierWrite& write, TimePoint deadline) const;
  [[nodiscard]] std::optional<Error> refusal(TimePoint deadline) const;

  void get(std::string& out, std::string_view key) const;

  /// A transaction, because a SET that left the lease would let its holder overwrite the value afterwards.
  /// (Twice as fast as a script.)
  void set(std::string& out, const TierWrite& write) const;
  static constexpr std::size_t set_commands = 4;

  /// Erases the lease first: a process that gets a lease in between loads a value from after the caller's
  /// change. In a cluster each key gets its own command, because a command for several keys is rejected while
  /// their slot moves.
  void erase(std::string& out, std::string_view key) const;
  [[nodiscard]] std::size_t erase_commands() const noexcept { return naming_ == Naming::cluster ? 3 : 2; }

  // Appends parts of commands.
  void add_key(std::string& out, std::string_view key) const;
  void add_lease(std::string& out, std::string_view key) const;
  void add_version(std::string& out, std::string_view key) const;

 private:
  void unlink_companions(std::string& out, std::string_view key) const;
  void add_companion(std::string& out, std::string_view head, std::string_view key) const;

  const RedisOptions& options_;
  const Clock& clock_;
  const Naming naming_;
};

/// For PX: milliseconds, rounded up.
[[nodiscard]] std::string milliseconds(Duration d);

/// The milliseconds that a server gives as a remaining time (PTTL), at most `longest_life`, so that the sum
/// of two is still a Duration. Nothing: it is no number of 0 or more.
inline constexpr Duration longest_life = std::chrono::hours(100 * 365 * 24);
[[nodiscard]] std::optional<Duration> told_life(std::string_view digits);

/// The highest version of a write. A higher number beside a value was not put there by a tier.
inline constexpr std::uint64_t highest_version = std::uint64_t{1} << 62;

}  // namespace terrace::redis
