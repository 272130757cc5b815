#include "service/status_page.hpp"

#include <sodium.h>

#include <array>

#include "service/text_json.hpp"

namespace terrace::service {
namespace {

/// 'sha256-…' of the text between the two, as browsers hash it.
std::string hash_between(std::string_view open, std::string_view close) {
  const std::string_view page = status_page();
  const std::size_t begin = page.find(open) + open.size();
  const std::string_view part = page.substr(begin, page.find(close, begin) - begin);
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(part.data()), part.size());
  return "'sha256-" + to_base64({reinterpret_cast<const char*>(digest.data()), digest.size()}) + "'";
}

}  // namespace

const std::string& status_page_policy() {
  static const std::string policy =
      "default-src 'none'; script-src " + hash_between("<script>", "</script>") + "; style-src " +
      hash_between("<style>", "</style>") +
      "; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'none'";
  return policy;
}

}  // namespace terrace::service
