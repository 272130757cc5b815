/// Opens a journal whose segment the fuzzer made up: once as raw bytes, once as records with right checksums,
/// so that what is in them is reached too. Whatever is told must be told again by the next opening.

#include <unistd.h>
#include <xxhash.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/words.hpp"
#include "journal/inspection.hpp"
#include "journal/journal.hpp"

namespace {

using namespace terrace;
using namespace terrace::journal;

constexpr std::uint64_t id = 0x1122334455667788;
constexpr std::uint64_t first = 1000;

/// A folder in memory where there is one; gone at the end.
struct Folder {
  Folder() {
    std::string name = std::filesystem::exists("/dev/shm") ? "/dev/shm/fuzz-XXXXXX" : "/tmp/fuzz-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

std::vector<Change> open_journal(const std::string& path) {
  std::vector<Change> told;
  const auto journal =
      Journal::open({.path = path, .sync = JournalSync::os_cache, .run = [](Task task) { task(); }},
                    [&](Change change) { told.push_back(std::move(change)); });
  for (std::size_t i = 1; i < told.size(); ++i)
    if (told[i - 1].version >= told[i].version) std::abort();
  Change next{.key = "next"};
  journal->append(next, [&](Result<Change> outcome) { next = outcome.value(); });
  if (!told.empty() && next.version <= told.back().version) std::abort();
  told.push_back(next);
  return told;
}

void open_and_check(BytesView bytes) {
  static const Folder folder;
  const std::string path = folder.path / "journal";
  std::filesystem::remove_all(path);
  std::filesystem::create_directory(path);
  std::ofstream(path + "/" + FileName{id, first, ".log"}.text(), std::ios::binary) << bytes;
  try {
    static_cast<void>(inspect(path));
    const std::vector<Change> told = open_journal(path);
    std::vector<Change> again = open_journal(path);
    again.pop_back();
    if (again != told) std::abort();
  } catch (const ConfigError&) {
  }
}

/// The input as payloads, each as long as its first byte says.
Bytes framed(BytesView input) {
  Bytes file = encode(FileHeader{.id = id, .first = first, .follows = first, .watermark = first});
  for (std::uint64_t number = first; !input.empty(); ++number) {
    const auto size = std::min<std::size_t>(static_cast<unsigned char>(input[0]), input.size() - 1);
    const BytesView payload = input.substr(1, size);
    input.remove_prefix(1 + size);
    Bytes header;
    append(header, static_cast<std::uint32_t>(size));
    append(header, number);
    append(header, std::uint64_t{XXH3_64bits_withSeed(payload.data(), size, id)});
    append(file, static_cast<std::uint32_t>(XXH3_64bits_withSeed(header.data(), header.size(), id)));
    file += header;
    file += payload;
  }
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView input(reinterpret_cast<const char*>(data), size);
  open_and_check(input);
  open_and_check(framed(input));
  return 0;
}
