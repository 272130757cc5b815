#include "redis/encoding.hpp"

#include <charconv>

#include "base/tier_check.hpp"
#include "redis/resp.hpp"

namespace terrace::redis {

std::optional<Error> Encoding::refusal(TimePoint deadline) const {
  return late(deadline, clock_.now());
}

std::optional<Error> Encoding::refusal(std::string_view key, TimePoint deadline) const {
  if (auto why = bad_key(key)) return why;
  const char first = options_.key_prefix.empty() ? key[0] : options_.key_prefix[0];
  if (first == '~' && is_reserved(options_.key_prefix + std::string(key))) {
    return Error(Errc::invalid_key, "the key " + printable_key(key) + " begins, with key_prefix, with " +
                                        std::string(reserved_text) +
                                        ", under which the Redis tier keeps its own");
  }
  return refusal(deadline);
}

std::optional<Error> Encoding::refusal(const TierWrite& write, TimePoint deadline) const {
  if (auto why = refusal(write.key, deadline); why && *why != Errc::timed_out) return why;
  if (auto why = bad_ttl(write.ttl)) return why;
  if (write.version > highest_version) {
    return Error(Errc::invalid_argument, "the version is " + std::to_string(write.version) +
                                             "; the highest is " + std::to_string(highest_version));
  }
  if (auto why = bad_value(write.value.size(), options_.max_value_bytes)) return why;
  return refusal(deadline);
}

void Encoding::add_key(std::string& out, std::string_view key) const {
  add_part(out, {options_.key_prefix, key});
}
void Encoding::add_lease(std::string& out, std::string_view key) const {
  add_companion(out, lease_head, key);
}
void Encoding::add_version(std::string& out, std::string_view key) const {
  add_companion(out, version_head, key);
}

void Encoding::add_companion(std::string& out, std::string_view head, std::string_view key) const {
  if (naming_ == Naming::single_server) {
    return add_part(out, {head, options_.key_prefix, key, companion_tail});
  }
  add_part(out, {head, tag_of(slot(key)), companion_tail, options_.key_prefix, key});
}

Slot Encoding::slot(std::string_view key) const {
  if (naming_ == Naming::single_server) return 0;
  return options_.key_prefix.empty() ? slot_of(key) : slot_of(options_.key_prefix + std::string(key));
}

void Encoding::get(std::string& out, std::string_view key) const {
  begin_command(out, 2);
  add_part(out, "GET");
  add_key(out, key);
}

void Encoding::unlink_companions(std::string& out, std::string_view key) const {
  begin_command(out, 3);
  add_part(out, "UNLINK");
  add_lease(out, key);
  add_version(out, key);
}

void Encoding::set(std::string& out, const TierWrite& write) const {
  out.reserve(out.size() + 3 * (options_.key_prefix.size() + write.key.size()) + write.value.size() + 192);
  add_command(out, {"MULTI"});
  unlink_companions(out, write.key);
  begin_command(out, write.ttl ? 5 : 3);
  add_part(out, "SET");
  add_key(out, write.key);
  add_part(out, write.value);
  if (write.ttl) {
    add_part(out, "PX");
    add_part(out, milliseconds(*write.ttl));
  }
  add_command(out, {"EXEC"});
}

void Encoding::erase(std::string& out, std::string_view key) const {
  if (naming_ == Naming::single_server) {
    unlink_companions(out, key);
  } else {
    begin_command(out, 2);
    add_part(out, "UNLINK");
    add_lease(out, key);
    begin_command(out, 2);
    add_part(out, "UNLINK");
    add_version(out, key);
  }
  begin_command(out, 2);
  add_part(out, "UNLINK");
  add_key(out, key);
}

std::string milliseconds(Duration d) {
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(d).count());
}

std::optional<Duration> told_life(std::string_view digits) {
  std::uint64_t told = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), told);
  if (end != digits.data() + digits.size() || error == std::errc::invalid_argument) return std::nullopt;
  constexpr std::uint64_t most = longest_life / std::chrono::milliseconds(1);
  if (error == std::errc::result_out_of_range || told > most) return longest_life;
  return std::chrono::milliseconds(told);
}

}  // namespace terrace::redis
