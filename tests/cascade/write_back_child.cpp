/// The child of the crash test: writes through WriteBack as fast as it can until it is killed.
/// write_back_child SOCKET JOURNAL LIFE MUTANT; the mutants are faults that the test must see.

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <terrace/runtime.hpp>
#include <thread>

#include "cascade/crash_protocol.hpp"
#include "cascade/write_back.hpp"

namespace terrace::crash {
namespace {

using cascade::Change;
using cascade::WriteBack;
using namespace std::chrono_literals;

/// Mutant: says it has written what it will write a little later, if it lives so long.
class LateDisk final : public journal::Disk {
 public:
  ssize_t write(int file, const char* data, std::size_t size) override {
    Runtime::common()->call_at(system_clock().now() + 4ms, [copy = ::dup(file), bytes = Bytes(data, size)] {
      if (::write(copy, bytes.data(), bytes.size()) < 0) std::abort();
      ::close(copy);
    });
    return static_cast<ssize_t>(size);
  }
};

/// The sink; the parent is the target.
class Sink {
 public:
  Sink(int socket, std::string mutant) : socket_(socket), mutant_(std::move(mutant)) {}

  void take(const std::vector<Change>& changes, Handler<std::vector<Result<void>>> done) {
    std::vector<Write> writes;
    for (const Change& change : changes)
      writes.push_back({static_cast<std::uint32_t>(std::stoul(change.key)),
                        static_cast<std::uint32_t>(change.expires->time_since_epoch().count()),
                        version_of(change)});
    ++batches_;
    if (mutant_ == "done-first" || (mutant_ == "overtaken" && batches_ % 2 == 0)) {
      done(std::vector<Result<void>>(writes.size()));
      Runtime::common()->call_at(system_clock().now() + 4ms, [this, writes = std::move(writes)]() mutable {
        if (mutant_ == "overtaken")
          for (Write& write : writes) write.version = now_number();
        send_message(socket_, Kind::apply, writes);
      });
      return;
    }
    count_ = writes.size();
    done_ = std::move(done);
    send_message(socket_, Kind::apply, writes);
  }

  void applied() {
    Runtime::common()->post([this] {
      if (done_) std::exchange(done_, nullptr)(std::vector<Result<void>>(count_));
    });
  }

 private:
  static std::uint64_t now_number() {
    return static_cast<std::uint64_t>(system_clock().now().time_since_epoch().count());
  }

  std::uint64_t version_of(const Change& change) {
    if (mutant_ == "numbers-anew") return ++own_number_;
    if (mutant_ == "other-numbers" || mutant_ == "overtaken") return now_number();
    return change.version;
  }

  const int socket_;
  const std::string mutant_;
  std::uint64_t own_number_ = 0;
  std::uint64_t batches_ = 0;
  Handler<std::vector<Result<void>>> done_;
  std::size_t count_ = 0;
};

/// Writes every `step`-th key, the first most, with some puts under way.
void write_for_ever(WriteBack& cache, int socket, std::uint32_t first_key, std::uint32_t step,
                    std::uint32_t life) {
  std::atomic<int> free_slots{32};
  for (std::uint32_t i = 0;; ++i) {
    while (free_slots.load() == 0) free_slots.wait(0);
    --free_slots;
    const std::uint32_t key = i % 3 != 0 ? first_key : first_key + step * (i % (key_count / step));
    const Write write{.key = key, .n = life * lives_apart + i};
    Change change{.key = std::to_string(key), .expires = WallTime(std::chrono::milliseconds(write.n))};
    if (i % 5 == 0) {
      change.erased = true;
    } else {
      change.stored = Bytes(i % 200, 'v');
    }
    cache.put(std::move(change), [&, write](const Result<void>& outcome) {
      if (!outcome) std::abort();
      send_message(socket, Kind::acknowledged, {write});
      ++free_slots;
      free_slots.notify_one();
    });
  }
}

int run(int socket, const std::string& path, std::uint32_t life, const std::string& mutant) {
  Sink sink(socket, mutant);
  LateDisk late;
  WriteBack::Parts parts{.segment_bytes = 8 << 10};
  if (mutant == "acknowledged-first") parts = {.disk = &late};  // one segment: files would get mixed up
  WriteBack cache(
      {.path = path, .flush_interval = 1ms, .max_batch = most_writes}, Runtime::common(),
      [&](const std::vector<Change>& changes, Handler<std::vector<Result<void>>> done) {
        sink.take(changes, std::move(done));
      },
      parts);
  if (cache.stats().damaged > 0) send_message(socket, Kind::damaged, {});
  cache.flush([socket](const Result<void>&) { send_message(socket, Kind::recovered, {}); });
  std::thread writer_1([&] { write_for_ever(cache, socket, 0, 2, life); });
  std::thread writer_2([&] { write_for_ever(cache, socket, 1, 2, life); });
  Message message;
  while (receive_message(socket, message)) sink.applied();
  std::_Exit(0);
}

}  // namespace
}  // namespace terrace::crash

int main(int, char** argv) {
  return terrace::crash::run(std::atoi(argv[1]), argv[2], static_cast<std::uint32_t>(std::atoi(argv[3])),
                             argv[4]);
}
