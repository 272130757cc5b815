#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <terrace/key_ring.hpp>

#include "envelope/key_text.hpp"
#include "envelope/secret_file.hpp"

namespace terrace {
namespace {

using envelope::KeyLine;
using envelope::KeyState;
using envelope::SealingKey;

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
  throw ConfigError("key file " + path.string() + " " + why);
}

/// A buffer for text that is wiped at the end.
struct WipedText {
  std::string text = std::string(envelope::max_key_text + 1, '\0');
  ~WipedText() { sodium_memzero(text.data(), text.size()); }
};

/// Whether the text of a ring was given in the place of a path: a word for the state of a key, or 32 bytes in Base64.
bool holds_a_key(std::string_view path) {
  for (const std::string_view state : {" primary", " secondary", " retired"}) {
    if (path.find(state) != std::string_view::npos) return true;
  }
  constexpr std::size_t digits = 43;
  const auto is_digit = [](char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '+' || c == '/';
  };
  for (auto end = path.find('='); end != std::string_view::npos; end = path.find('=', end + 1)) {
    const auto head = path.substr(0, end);
    if (end >= digits && std::all_of(head.end() - digits, head.end(), is_digit)) return true;
  }
  return false;
}

void refuse_if_shared(const std::filesystem::path& path, const envelope::SecretFile& file,
                      KeyRing::Owner owner) {
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0 || !S_ISREG(status.st_mode)) refuse(path, "is not a regular file");
  const auto is_other = [owner](uid_t user) {
    return owner == KeyRing::Owner::trusted && user != ::geteuid() && user != 0;
  };
  if (is_other(status.st_uid)) {
    refuse(path, "belongs to the user " + std::to_string(status.st_uid) +
                     ", who chooses the keys then; run `chown " + std::to_string(::geteuid()) + " " +
                     path.string() + "`");
  }
  struct stat link {};
  if (::lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode) && is_other(link.st_uid)) {
    refuse(path, "is a symbolic link of the user " + std::to_string(link.st_uid) +
                     ", who chooses the keys then; give the path of the file itself");
  }
  if ((status.st_mode & 07777 & ~(S_IRUSR | S_IWUSR)) == 0) return;
  std::string mode;
  for (int shift = 9; shift >= 0; shift -= 3) mode += static_cast<char>('0' + (status.st_mode >> shift & 7));
  refuse(path,
         "has mode " + mode + ": only its owner may have access; run `chmod 600 " + path.string() + "`");
}

}  // namespace

KeyRing::KeyRing(std::vector<SealingKey> keys) : keys_(std::move(keys)) {}

KeyRing::~KeyRing() = default;

std::shared_ptr<const KeyRing> KeyRing::parse(std::string_view text) {
  std::vector<SealingKey> keys;
  for (KeyLine& line : envelope::parse_key_lines(text)) {
    if (line.state == KeyState::retired) line.key.secret.reset();
    keys.insert(line.state == KeyState::primary ? keys.begin() : keys.end(), std::move(line.key));
  }
  return std::shared_ptr<const KeyRing>(new KeyRing(std::move(keys)));
}

std::shared_ptr<const KeyRing> KeyRing::from_file(const std::filesystem::path& path, Owner owner) {
  if (holds_a_key(path.native())) {
    throw ConfigError(
        "the path of the key file holds a key, so it is not shown: give the path of a file, and the text of "
        "a key "
        "ring to KeyRing::parse()");
  }
  const envelope::SecretFile file(path);
  if (file.fd() < 0) refuse(path, "cannot be read: " + std::system_category().message(errno));
  refuse_if_shared(path, file, owner);
  WipedText read;
  const ssize_t size = ::read(file.fd(), read.text.data(), read.text.size());
  if (size < 0) refuse(path, "cannot be read: " + std::system_category().message(errno));
  try {
    return parse(std::string_view(read.text).substr(0, static_cast<std::size_t>(size)));
  } catch (const ConfigError& error) {
    refuse(path, std::string("is not a key ring: ") + error.what());
  }
}

const SealingKey& KeyRing::primary() const noexcept {
  return keys_.front();
}

const SealingKey* KeyRing::find(std::uint32_t id) const noexcept {
  const auto found =
      std::find_if(keys_.begin(), keys_.end(), [id](const SealingKey& k) { return k.id == id; });
  return found == keys_.end() ? nullptr : &*found;
}

}  // namespace terrace
