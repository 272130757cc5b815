#include "redis/scripts.hpp"

#include <openssl/evp.h>

#include <charconv>

#include "redis/server_error.hpp"

namespace terrace::redis {
namespace {

std::string sha1_hex(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    for (const int nibble : {digest[i] >> 4, digest[i] & 15}) hex += "0123456789abcdef"[nibble];
  }
  return hex;
}

/// same(value, length, tail): whether it has that length and those last 16 bytes.
constexpr const char* same = R"(
local function same(value, length, tail)
  return #value == tonumber(length) and string.sub(value, -16) == tail
end
)";

/// read(key): the result of GET. A key of another type counts as none: the next write replaces it.
/// holds(lease, token): whether the token has the lease.
constexpr const char* read = R"(
local function read(key)
  local found = redis.pcall('GET', key)
  if type(found) ~= 'table' then return found end
  if string.find(found.err, 'WRONGTYPE', 1, true) then return false end
  return redis.call('GET', key)
end
local function holds(lease, token) return read(lease) == token end
)";

/// put(key, value, ttl): SET, the ttl in milliseconds or '' for none.
constexpr const char* put = R"(
local function put(key, value, ttl)
  if ttl == '' then return redis.call('SET', key, value) end
  return redis.call('SET', key, value, 'PX', ttl)
end
)";

}  // namespace

Script::Script(std::string script) : text(std::move(script)), digest(sha1_hex(text)) {}

/// key, lease / token, lease time, length of the stale value ('' none), its tail, token of the holder that
/// the caller has waited for ('' none), '1' to take its lease over. Returns the value; -1: granted; the
/// remaining time of the lease and its holder; or the mark of the end of that holder's load. A lease that no
/// process of the cache can have made does not count: without an expiry, longer than twice the lease time, or
/// of another type.
const Script& acquire_script() {
  static const Script& script = *new Script(std::string(same) + read + R"(
local value = read(KEYS[1])
if value and not (ARGV[3] ~= '' and same(value, ARGV[3], ARGV[4])) then return value end
local held = read(KEYS[2])
if held and #held == 17 then
  if string.sub(held, 1, 16) == ARGV[5] then return {string.sub(held, 17)} end
elseif held then
  local left = redis.call('PTTL', KEYS[2])
  if left >= 0 and left <= 2 * tonumber(ARGV[2]) then
    if #held ~= 16 then return {left} end
    if ARGV[6] ~= '1' or held ~= ARGV[5] then return {left, held} end
  end
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return -1)");
  return script;
}

/// key, lease, version / token, value, ttl
const Script& fill_script() {
  static const Script& script = *new Script(std::string(read) + put + R"(
if not holds(KEYS[2], ARGV[1]) then return 0 end
put(KEYS[1], ARGV[2], ARGV[3])
redis.call('DEL', KEYS[2], KEYS[3])
return 1)");
  return script;
}

/// lease / token, lease time
const Script& renew_script() {
  static const Script& script = *new Script(std::string(read) + R"(
if not holds(KEYS[1], ARGV[1]) then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2]))");
  return script;
}

/// lease / token, mark of the end ('' none), how long the mark stays. With a mark the lease is free for all
/// but those who have waited for this token.
const Script& release_script() {
  static const Script& script = *new Script(std::string(read) + R"(
if holds(KEYS[1], ARGV[1]) then
  if ARGV[2] == '' then
    redis.call('DEL', KEYS[1])
  else
    redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
  end
end
return redis.status_reply('OK'))");
  return script;
}

/// key, lease, version / value, ttl. Returns the existing value, or nil. A value that would last longer than
/// twice the ttl does not count.
const Script& get_or_put_script() {
  static const Script& script = *new Script(std::string(read) + put + R"(
local value = read(KEYS[1])
if value then
  if ARGV[2] == '' then return value end
  local left = redis.call('PTTL', KEYS[1])
  if left >= 0 and left <= 2 * tonumber(ARGV[2]) then return value end
end
put(KEYS[1], ARGV[1], ARGV[2])
redis.call('DEL', KEYS[2], KEYS[3])
return false)");
  return script;
}

/// key, lease, version / value, life. Returns the existing value, or nil. A value that would end before three
/// quarters of the life gets the whole life.
const Script& get_or_prolong_script() {
  static const Script& script = *new Script(std::string(read) + put + R"(
local value = read(KEYS[1])
if value then
  local left = redis.call('PTTL', KEYS[1])
  if left >= 0 and ARGV[2] == '' then
    put(KEYS[1], value, '')
  elseif left >= 0 and 4 * left < 3 * tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
  return value
end
put(KEYS[1], ARGV[1], ARGV[2])
redis.call('DEL', KEYS[2], KEYS[3])
return false)");
  return script;
}

/// key, lease, version / length of the expected value, its tail, value, ttl
const Script& replace_script() {
  static const Script& script = *new Script(std::string(same) + read + put + R"(
local value = read(KEYS[1])
if not value or not same(value, ARGV[1], ARGV[2]) then return 0 end
put(KEYS[1], ARGV[3], ARGV[4])
redis.call('DEL', KEYS[2], KEYS[3])
return 1)");
  return script;
}

/// key, lease, version / '1' if a value is expected, that value, value, ttl. The whole value is compared: what is
/// expected may be foreign.
const Script& compare_and_set_script() {
  static const Script& script = *new Script(std::string(read) + put + R"(
local expected = ARGV[1] == '1' and ARGV[2]
if read(KEYS[1]) ~= expected then return 0 end
put(KEYS[1], ARGV[3], ARGV[4])
redis.call('DEL', KEYS[2], KEYS[3])
return 1)");
  return script;
}

/// key, lease, version / value, ttl, version as 20 digits, highest valid version: as text, because Lua's
/// numbers are doubles. An invalid version, or one higher than a tier gives out, counts as none: otherwise a
/// planted one would block all writes.
const Script& versioned_set_script() {
  static const Script& script = *new Script(std::string(read) + put + R"(
local held = read(KEYS[3])
local counter = held and (#held == 20 or #held == 56) and string.sub(held, 1, 20)
local counts = counter and not string.find(counter, '%D') and counter <= ARGV[4]
if not counts or held < ARGV[3] or redis.call('EXISTS', KEYS[1]) == 0 then
  put(KEYS[1], ARGV[1], ARGV[2])
  put(KEYS[3], ARGV[3], ARGV[2])
  redis.call('DEL', KEYS[2])
end
return redis.status_reply('OK'))");
  return script;
}

std::string_view end_mark(LeaseEnd end) noexcept {
  switch (end) {
    case LeaseEnd::untold:
      return "";
    case LeaseEnd::failed:
      return "f";
    case LeaseEnd::absent:
      return "a";
    case LeaseEnd::not_kept:
      return "n";
  }
  return "";
}

namespace {

/// An item of the array: the remaining time, the holder, or the mark of an end.
void decode_item(const Node& node, std::string_view server, Result<LeaseReply>& outcome) {
  if (!outcome) return;
  if (node.data_type == NodeType::number) {
    const auto left = told_life(node.value);
    if (!left) {
      outcome = unexpected_reply(server);
    } else {
      outcome->held_for = *left;
    }
    return;
  }
  if (node.value.size() == std::tuple_size_v<LeaseToken>) {
    std::copy(node.value.begin(), node.value.end(), outcome->holder.emplace().begin());
    return;
  }
  // A later version may have more marks. The safest of them says the least.
  outcome = LeaseReply{.kind = LeaseReply::Kind::ended, .end = LeaseEnd::not_kept};
  for (const LeaseEnd end : {LeaseEnd::failed, LeaseEnd::absent}) {
    if (node.value == end_mark(end)) outcome->end = end;
  }
}

}  // namespace

void decode(const Node& node, std::string_view server, Result<LeaseReply>& outcome) {
  using Kind = LeaseReply::Kind;
  if (node.depth == 1) return decode_item(node, server, outcome);
  if (node.depth != 0) return;
  if (node.data_type == NodeType::blob_string) {
    outcome = LeaseReply{Kind::value, Bytes(node.value)};
  } else if (node.data_type == NodeType::array) {
    outcome = LeaseReply{Kind::held};
  } else if (node.data_type == NodeType::number && node.value == "-1") {
    outcome = LeaseReply{Kind::granted};
  } else {
    outcome = is_error(node) ? server_error(node.value, server) : unexpected_reply(server);
  }
}

Arguments& Arguments::part(std::string_view bytes) {
  add_part(encoded_, bytes);
  ++count_;
  return *this;
}

Arguments& Arguments::all_keys() {
  part("3");
  encoding_->add_key(encoded_, key_);
  encoding_->add_lease(encoded_, key_);
  encoding_->add_version(encoded_, key_);
  count_ += 3;
  return *this;
}

Arguments& Arguments::key_and_lease() {
  part("2");
  encoding_->add_key(encoded_, key_);
  encoding_->add_lease(encoded_, key_);
  count_ += 2;
  return *this;
}

Arguments& Arguments::lease_only() {
  part("1");
  encoding_->add_lease(encoded_, key_);
  ++count_;
  return *this;
}

Arguments& Arguments::copy_keys(std::string_view other) {
  part("4");
  encoding_->add_key(encoded_, key_);
  encoding_->add_lease(encoded_, key_);
  encoding_->add_version(encoded_, key_);
  count_ += 3;
  return part(other);
}

Arguments& Arguments::comparison(BytesView value) {
  constexpr std::size_t tail = 16;
  part(std::to_string(value.size()));
  return part(value.substr(value.size() - std::min(tail, value.size())));
}

void Arguments::encode_call(std::string& out, std::string_view command, std::string_view script) const {
  out.reserve(out.size() + script.size() + encoded_.size() + 64);
  begin_command(out, 2 + count_);
  add_part(out, command);
  add_part(out, script);
  out += encoded_;
}

namespace {

std::string twenty_digits(std::uint64_t version) {
  std::string digits = std::to_string(version);
  return digits.insert(0, 20 - digits.size(), '0');
}

}  // namespace

void encode_versioned_set(std::string& out, const Encoding& encoding, const TierWrite& write, bool known) {
  Arguments call(encoding, write.key);
  call.all_keys().part(write.value).ttl(write.ttl).part(twenty_digits(write.version));
  call.part(twenty_digits(highest_version));
  const Script& script = versioned_set_script();
  if (known && encoding.naming() == Naming::single_server)
    return call.encode_call(out, "EVALSHA", script.digest);
  call.encode_call(out, "EVAL", script.text);
}

}  // namespace terrace::redis
