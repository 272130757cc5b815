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

/// In a path a password is none.
bool has_paths(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text.find("sqlite:") != std::string::npos || text.find("unix:") != std::string::npos;
}

void expect_silence(const std::string& text) {
  if (text.find(password) != std::string::npos && !has_paths(text)) std::abort();
}

void check(const assembly::TierUrl& tier) {
  expect_silence(tier.address);
  for (const assembly::Member& member : tier.members) {
    if (member.name.empty() || !(member.weight > 0)) std::abort();
    expect_silence(member.name);
    check(member.tier);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    check(assembly::parse_tier_url(with_servers({reinterpret_cast<const char*>(data), size})));
  } catch (const ConfigError& refused) {
    expect_silence(refused.what());
  }
  return 0;
}
