#include <algorithm>
#include <limits>
#include <terrace/key_ring.hpp>

#include "envelope/key_text.hpp"

namespace terrace {
namespace {

using envelope::KeyLine;
using envelope::KeyState;

/// The text with the present states of the keys.
std::string with_states(std::string_view text, const std::vector<KeyLine>& keys) {
  std::string out;
  const char* from = text.data();
  for (const KeyLine& key : keys) {
    out.append(from, key.state_text.data());
    out += to_string(key.state);
    from = key.state_text.data() + key.state_text.size();
  }
  return out.append(from, text.data() + text.size());
}

constexpr auto by_id = [](const KeyLine& a, const KeyLine& b) { return a.key.id < b.key.id; };

}  // namespace

std::string generate_key_ring() {
  return "# terrace keys: anyone who reads this file can read and make sealed entries.\n" +
         envelope::new_key_line(1, KeyState::primary);
}

std::string rotate_key_ring(std::string_view text, RotationStep step) {
  std::vector<KeyLine> keys = envelope::parse_key_lines(text);
  KeyLine& primary =
      *std::find_if(keys.begin(), keys.end(), [](const KeyLine& k) { return k.state == KeyState::primary; });
  KeyLine& newest = *std::max_element(keys.begin(), keys.end(), by_id);
  const bool added = newest.key.id > primary.key.id && newest.state == KeyState::secondary;

  switch (step) {
    case RotationStep::add: {
      if (added)
        throw ConfigError("keys: key " + std::to_string(newest.key.id) +
                          " was added already: promote it first");
      if (newest.key.id == std::numeric_limits<std::uint32_t>::max()) {
        throw ConfigError("keys: the highest id is used: give the keys lower ids");
      }
      std::string out(text);
      if (!out.ends_with('\n')) out += '\n';
      return out + envelope::new_key_line(newest.key.id + 1, KeyState::secondary);
    }
    case RotationStep::promote:
      if (!added) throw ConfigError("keys: no secondary key is newer than the primary one: add one first");
      primary.state = KeyState::secondary;
      newest.state = KeyState::primary;
      return with_states(text, keys);
    case RotationStep::retire: {
      bool any = false;
      for (KeyLine& key : keys) {
        if (key.state != KeyState::secondary || key.key.id > primary.key.id) continue;
        key.state = KeyState::retired;
        any = true;
      }
      if (!any) throw ConfigError("keys: no secondary key is older than the primary one: nothing to retire");
      return with_states(text, keys);
    }
  }
  throw ConfigError("keys: no such step of a rotation");
}

}  // namespace terrace
