#include "journal/directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <terrace/result.hpp>

namespace terrace::journal {
namespace {

constexpr std::size_t id_digits = 16;
constexpr std::size_t number_digits = 20;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

template <class Call>
auto retried(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

bool parse_whole(std::string_view text, int base, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size();
}

std::string objection_to(const struct stat& about) {
  if (!S_ISREG(about.st_mode)) return "is no regular file";
  if (static_cast<std::uint64_t>(about.st_size) > max_file_size)
    return "is larger than any file of a journal";
  return {};
}

bool is_own_group(gid_t group) {
  if (group == ::getegid()) return true;
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  return count > 0 && std::find(groups.begin(), groups.begin() + count, group) != groups.begin() + count;
}

/// Anyone who may write to the directory may add changes, which the cache would send on. Groups of this process
/// may: volumes of Kubernetes belong to root and to such a group.
void refuse_if_shared(const Descriptor& directory, const std::string& path) {
  struct stat about {};
  if (::fstat(directory.get(), &about) != 0) fail(path);
  const auto refuse = [&](const std::string& why) {
    throw ConfigError("the journal " + path + " " + why + ": run `chown " + std::to_string(::geteuid()) +
                      " " + path + " && chmod 700 " + path + "`, or give another path");
  };
  if (about.st_uid != ::geteuid() && about.st_uid != 0)
    refuse("belongs to the user " + std::to_string(about.st_uid));
  if ((about.st_mode & S_IWOTH) != 0) refuse("can be written by every user");
  if ((about.st_mode & S_IWGRP) != 0 && !is_own_group(about.st_gid))
    refuse("can be written by the group " + std::to_string(about.st_gid));
}

Descriptor open_directory(const std::string& path) {
  const int number = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (number < 0) fail(path);
  return Descriptor(number);
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

void File::append(BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t written =
        retried([&] { return disk_->write(descriptor_.get(), bytes.data(), bytes.size()); });
    if (written < 0) fail("writing to " + name_);
    size_ += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void File::sync() {
  if (disk_->sync(descriptor_.get()) != 0) fail("syncing " + name_);
}

std::string FileName::text() const {
  std::array<char, id_digits + 1 + number_digits + 1> name{};
  std::snprintf(name.data(), name.size(), "%016llx-%020llu", static_cast<unsigned long long>(id),
                static_cast<unsigned long long>(number));
  return name.data() + ending;
}

std::optional<FileName> FileName::parse(std::string_view text) {
  constexpr std::size_t stem = id_digits + 1 + number_digits;
  FileName name;
  if (text.size() < stem || text[id_digits] != '-') return {};
  name.ending = text.substr(stem);
  if (name.ending != ".log" && name.ending != ".dead") return {};
  if (!parse_whole(text.substr(0, id_digits), 16, name.id) ||
      !parse_whole(text.substr(id_digits + 1, number_digits), 10, name.number) || name.text() != text)
    return {};
  return name;
}

Directory Directory::look(const std::string& path) {
  return Directory(open_directory(path), path, Disk::real());
}

Directory Directory::lock(const std::string& path, Disk& disk) {
  const bool made = ::mkdir(path.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) fail(path);
  Directory directory(open_directory(path), path, disk);
  refuse_if_shared(directory.descriptor_, path);
  if (::flock(directory.descriptor_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) fail("locking " + path);
    throw ConfigError("the journal " + path +
                      " is in use by another process, or by another cache of this process: let one process "
                      "write back and the "
                      "others write through, and give each cache its own journal");
  }
  if (made) {
    const std::string parent = std::filesystem::absolute(path + "/").parent_path().parent_path().string();
    Directory(open_directory(parent), parent, disk).sync();
  }
  return directory;
}

std::vector<std::string> Directory::names() const {
  const int copy = ::openat(descriptor_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const stream = copy < 0 ? nullptr : ::fdopendir(copy);
  if (stream == nullptr) fail(path_);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream)) names.emplace_back(entry->d_name);
  ::closedir(stream);
  std::erase_if(names, [](const std::string& name) { return name == "." || name == ".."; });
  std::sort(names.begin(), names.end());
  return names;
}

Bytes Directory::read(const std::string& name) const {
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  const Descriptor file(::openat(descriptor_.get(), name.c_str(), flags));
  struct stat about {};
  if (file.get() < 0 || ::fstat(file.get(), &about) != 0) fail(full(name));
  if (const std::string why = objection_to(about); !why.empty())
    throw std::system_error(EINVAL, std::generic_category(), full(name) + " " + why);
  Bytes bytes(static_cast<std::size_t>(about.st_size), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = retried([&] { return ::read(file.get(), bytes.data() + have, bytes.size() - have); });
    if (got < 0) fail("reading " + full(name));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

std::string Directory::objection(const std::string& name) const {
  struct stat about {};
  if (::fstatat(descriptor_.get(), name.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0) fail(full(name));
  return objection_to(about);
}

std::uint64_t Directory::size(const std::string& name) const {
  struct stat about {};
  if (::fstatat(descriptor_.get(), name.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0) fail(full(name));
  return static_cast<std::uint64_t>(about.st_size);
}

File Directory::create(const std::string& name) {
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC;
  const int number = ::openat(descriptor_.get(), name.c_str(), flags, 0600);
  if (number < 0) fail("creating " + full(name));
  return File(Descriptor(number), full(name), *disk_);
}

void Directory::cut(const std::string& name, std::uint64_t size) {
  constexpr int flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  const Descriptor file(::openat(descriptor_.get(), name.c_str(), flags));
  if (file.get() < 0 || ::ftruncate(file.get(), static_cast<off_t>(size)) != 0 ||
      disk_->sync(file.get()) != 0)
    fail("cutting " + full(name));
}

void Directory::remove(const std::string& name) {
  if (::unlinkat(descriptor_.get(), name.c_str(), 0) != 0 && errno != ENOENT) fail("removing " + full(name));
}

void Directory::rename(const std::string& from, const std::string& to) {
  if (::renameat(descriptor_.get(), from.c_str(), descriptor_.get(), to.c_str()) != 0)
    fail("renaming " + full(from));
}

void Directory::sync() {
  // A directory is synced like a file; the metadata that fdatasync may leave out (times) does not matter.
  if (disk_->sync(descriptor_.get()) != 0) fail("syncing " + path_);
}

}  // namespace terrace::journal
