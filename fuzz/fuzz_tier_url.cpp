/// Tier URLs that the fuzzer makes up, each $ in them standing for a server with a password: refused by
/// ConfigError, or read into a tree whose names and addresses, like the message, do not hold it.

#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <terrace/result.hpp>

#include "assembly/tier_url.hpp"

namespace {

using namespace terrace;

const std::string password = "s3cretS3CRET";

std::string with_servers(std::string_view input) {
  std::string text;
  for (const char c : input) {
    if (c == '$') {
      text += "redis://u:" + password + "@";
    } else {
      text += c;
    }
  }
  return text;
}

/// In a path, or where the fuzzer itself wrote it, a password is none.
bool may_show(std::string text) {
  if (text.find(password) != std::string::npos) return true;
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text.find("sqlite:") != std::string::npos || text.find("unix:") != std::string::npos;
}

void expect_silence(const std::string& text) {
  if (text.find(password) != std::string::npos) std::abort();
}

void check(const assembly::TierUrl& tier, bool silent) {
  if (silent) expect_silence(tier.address);
  for (const assembly::Member& member : tier.members) {
    if (member.name.empty() || !(member.weight > 0)) std::abort();
    if (silent) expect_silence(member.name);
    check(member.tier, silent);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const bool silent = !may_show(input);
  try {
    check(assembly::parse_tier_url(with_servers(input)), silent);
  } catch (const ConfigError& refused) {
    if (silent) expect_silence(refused.what());
  }
  return 0;
}
