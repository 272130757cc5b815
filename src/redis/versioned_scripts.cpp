#include "redis/versioned_scripts.hpp"

#include <array>
#include <charconv>

namespace terrace::redis {
namespace {

constexpr std::size_t number_digits = 20;
constexpr std::size_t writer_digits = 16;

void add_digits(std::string& out, std::uint64_t number, int base, std::size_t digits) {
  std::array<char, number_digits> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number, base);
  const auto size = static_cast<std::size_t>(end - text.data());
  out.append(digits - size, '0').append(text.data(), size);
}

bool take_digits(std::string_view& text, int base, std::size_t digits, std::uint64_t& number) {
  const auto part = text.substr(0, digits);
  text.remove_prefix(part.size());
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number, base);
  return error == std::errc() && part.size() == digits && end == part.data() + part.size();
}

/// mine(token): identifies this run of the server and the token, in the charge key and in the mark.
constexpr const char* mine = R"(
local function run_id() return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') end
local function mine(token) return run_id() .. ':' .. token end
)";

/// known(held): the version in full; '' is below all others: for none, and for a text that parse_version
/// rejects, which could otherwise never be overwritten.
constexpr const char* known = R"(
local digits, writer = '^' .. string.rep('%d', 20), string.rep('%x', 16) .. '$'
local function known(held)
  if not held then return '' end
  if #held == 20 then held = held .. string.rep('0', 36) end
  if #held ~= 56 or not string.find(held, digits .. string.rep('%d', 20) .. writer) then return '' end
  if string.sub(held, 1, 20) > '04611686018427387904' then return '' end
  if string.sub(held, 21, 40) > '18446744073709551615' then return '' end
  return held
end
)";

}  // namespace

std::string version_text(const Version& version) {
  std::string text;
  text.reserve(2 * number_digits + writer_digits);
  add_digits(text, version.counter, 10, number_digits);
  add_digits(text, version.order, 10, number_digits);
  add_digits(text, version.writer, 16, writer_digits);
  return text;
}

std::optional<Version> parse_version(std::string_view text) {
  Version version;
  if (!take_digits(text, 10, number_digits, version.counter)) return std::nullopt;
  if (version.counter > Version::highest_counter) return std::nullopt;
  if (text.empty()) return version;
  if (!take_digits(text, 10, number_digits, version.order)) return std::nullopt;
  if (!take_digits(text, 16, writer_digits, version.writer) || !text.empty()) return std::nullopt;
  return version;
}

// Readers and writers wait for the first three scripts. Most of a script's time goes into its calls, so they
// make few. MGET returns nil for a key of another type.

/// key, lease, version, mark / longest value. Returns the mark, its time, the version, the value, its time. A
/// value without a version was stored by something else: there is no copy.
const Script& read_copy_script() {
  static const Script& script =
      *new Script(R"(
local call = redis.call
local found = call('MGET', KEYS[4], KEYS[3], KEYS[1])
local left = found[1] and call('PTTL', KEYS[4]) or 0
local held, value = found[2], found[3]
if not held or not value then return {found[1], left, held, false, 0} end
if #value > tonumber(ARGV[1]) then
  return redis.error_reply(')" +
                  std::string(ReplyReader::too_large) +
                  R"(the value found has ' .. #value .. ' bytes, the limit is ' .. ARGV[1])
end
return {found[1], left, held, value, call('PTTL', KEYS[1])})");
  return script;
}

/// key, lease, version, mark. Returns the mark, its time, the version, whether there is a value.
const Script& read_version_script() {
  static const Script& script = *new Script(R"(
local call = redis.call
local found = call('MGET', KEYS[4], KEYS[3])
local left = found[1] and call('PTTL', KEYS[4]) or 0
return {found[1], left, found[2], found[2] and call('EXISTS', KEYS[1]) or 0})");
  return script;
}

/// key, lease, version, mark / version, its time ('' none); for a value also: value, its time. Returns the
/// mark, its time, the present version, whether there was a value. For a tombstone the first write is a DEL,
/// which a full server still accepts, and with it the rest.
const Script& write_copy_script() {
  static const Script& script = *new Script(std::string(known) + R"(
local call = redis.call
local function put(key, value, time)
  if time == '' then return call('SET', key, value) end
  return call('SET', key, value, 'PX', time)
end
local found = call('MGET', KEYS[4], KEYS[3])
local left = found[1] and call('PTTL', KEYS[4]) or 0
local lived = found[2] and call('EXISTS', KEYS[1]) or 0
local held = known(found[2])
local deletes = #ARGV == 2
if held < ARGV[1] or (deletes and held == ARGV[1]) then
  if deletes then
    call('DEL', KEYS[1], KEYS[2])
  else
    put(KEYS[1], ARGV[3], ARGV[4])
    call('DEL', KEYS[2])
  end
  put(KEYS[3], ARGV[1], ARGV[2])
  held = ARGV[1]
end
return {found[1], left, held, lived})");
  return script;
}

/// / cursor, pattern of version keys, bytes before the key in one. Returns the next cursor; then each key and
/// its version.
const Script& scan_script() {
  static const Script& script = *new Script(R"(
local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', 500)
local out = {page[1]}
for _, name in ipairs(page[2]) do
  local held = redis.call('MGET', name)[1]
  if held then
    out[#out + 1] = string.sub(name, ARGV[3] + 1, -2)
    out[#out + 1] = held
  end
end
return out)");
  return script;
}

/// mark. Returns it, its time, and INFO memory.
const Script& membership_script() {
  static const Script& script = *new Script(R"(
local mark = redis.call('GET', KEYS[1])
return {mark, mark and redis.call('PTTL', KEYS[1]) or 0, redis.call('INFO', 'memory')})");
  return script;
}

/// charge / token, time. A charge from an earlier run of the server does not count.
const Script& take_charge_script() {
  static const Script& script = *new Script(std::string(mine) + R"(
local held, own = redis.call('GET', KEYS[1]), mine(ARGV[1])
if held and held ~= own and string.sub(held, 1, #own - #ARGV[1]) == run_id() .. ':' then return 0 end
redis.call('SET', KEYS[1], own, 'PX', ARGV[2])
return 1)");
  return script;
}

/// charge / token, time
const Script& keep_charge_script() {
  static const Script& script = *new Script(std::string(mine) + R"(
if redis.call('GET', KEYS[1]) ~= mine(ARGV[1]) then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2]))");
  return script;
}

/// charge, mark / token, cursor, pattern of version keys, head of version keys, head of lease keys. Returns
/// the next cursor; nil: the charge is lost.
const Script& purge_script() {
  static const Script& script = *new Script(std::string(mine) + R"(
if redis.call('GET', KEYS[1]) ~= mine(ARGV[1]) then return false end
redis.call('UNLINK', KEYS[2])
local page = redis.call('SCAN', ARGV[2], 'MATCH', ARGV[3], 'COUNT', 500)
for _, name in ipairs(page[2]) do
  local key = string.sub(name, #ARGV[4] + 1, -2)
  redis.call('UNLINK', ARGV[5] .. key .. '}', name, key)
end
return page[1])");
  return script;
}

/// charge, mark / token, time. The mark of a node that remembers keeps its token; its time is extended.
const Script& admit_script() {
  static const Script& script = *new Script(std::string(mine) + R"(
if redis.call('GET', KEYS[1]) ~= mine(ARGV[1]) then return 0 end
local mark, run = redis.call('GET', KEYS[2]), mine('')
if mark and string.sub(mark, 1, #run) == run then
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
else
  redis.call('SET', KEYS[2], mine(ARGV[1]), 'PX', ARGV[2])
end
redis.call('DEL', KEYS[1])
return 1)");
  return script;
}

}  // namespace terrace::redis
