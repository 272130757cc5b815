#include "database/postgres_key.hpp"

#include <openssl/sha.h>

namespace terrace::postgres {

RowKey::RowKey(std::string_view key) : indexed(key.substr(0, longest_plain_key)) {
  if (key.size() <= longest_plain_key) return;
  whole = key;
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest);
  indexed.append(reinterpret_cast<const char*>(digest), sizeof digest);
}

}  // namespace terrace::postgres
