#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <terrace/glob.hpp>
#include <terrace/sqlite.hpp>
#include <thread>

#include "base/assert.hpp"
#include "base/fork.hpp"
#include "base/threads.hpp"
#include "base/tier_check.hpp"
#include "database/sqlite_deadlines.hpp"
#include "database/sqlite_engine.hpp"

namespace terrace::database {
namespace {

/// Limits of one transaction, so that the first caller of a group does not wait long.
constexpr std::size_t max_group = 256;

/// Calls that wait for one of the threads.
class Queue {
 public:
  /// False: closed.
  bool push(CallPtr call) {
    {
      std::lock_guard lock(mutex_);
      if (closed_) return false;
      calls_.push_back(std::move(call));
    }
    arrived_.notify_one();
    return true;
  }

  /// The next calls, one SweepCall or up to max_group others. Waits for the first one; none: closed.
  std::vector<CallPtr> take() {
    std::vector<CallPtr> taken;
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return closed_ || !calls_.empty(); });
    while (!calls_.empty() && taken.size() < max_group) {
      const bool sweep = dynamic_cast<const SweepCall*>(calls_.front().get()) != nullptr;
      if (sweep && !taken.empty()) break;
      taken.push_back(std::move(calls_.front()));
      calls_.pop_front();
      if (sweep) break;
    }
    TERRACE_ASSERT(closed_ || !taken.empty());
    return taken;
  }

  /// Returns the calls that were still waiting.
  std::deque<CallPtr> close() {
    std::deque<CallPtr> left;
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
      left.swap(calls_);
    }
    arrived_.notify_all();
    return left;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<CallPtr> calls_;
  bool closed_ = false;
};

/// True while this thread is inside a handler: it must not wait for handlers.
thread_local bool in_handler = false;

/// The two threads of the tier, one that reads and one that writes, with their queues and timers.
class SqliteWorkers : public std::enable_shared_from_this<SqliteWorkers> {
 public:
  SqliteWorkers(SqliteOptions options, std::shared_ptr<Runtime> runtime)
      : options_(options), runtime_(std::move(runtime)), engine_(std::move(options), closing_) {}

  void start();
  void submit(Queue& queue, CallPtr call);
  void close();

  Queue reads;
  Queue writes;
  TierCounters counters;
  [[nodiscard]] const SqliteOptions& options() const noexcept { return options_; }
  [[nodiscard]] const Engine& engine() const noexcept { return engine_; }

 private:
  void read_loop();
  void write_loop();
  void write_group(const std::vector<CallPtr>& calls);
  void run_sweep(const CallPtr& call);
  void schedule_purge();
  void fail(Call& call, const Error& error);
  template <class C, class Results>
  void finish(C& call, Results results);
  template <class Answer>
  void answered(Answer&& answer);
  void stop(std::thread& thread);

  const SqliteOptions options_;
  const std::shared_ptr<Runtime> runtime_;
  const pid_t process_ = ::getpid();
  std::atomic<bool> closing_{false};
  Engine engine_;
  std::shared_ptr<Deadlines> deadlines_;
  std::thread reader_, writer_;
  std::mutex close_mutex_;
  std::mutex timer_mutex_;
  Scheduler::TimerId purge_timer_ = 0;
  std::atomic<std::uint32_t> unanswered_{0};
};

void SqliteWorkers::start() {
  deadlines_ = std::make_shared<Deadlines>(runtime_, [weak = weak_from_this()](Call& call) {
    if (const auto alive = weak.lock())
      alive->fail(call, Error(Errc::timed_out, "sqlite: still waiting at the deadline"));
  });
  try {
    reader_ = start_thread("the reader of SQLite", [self = shared_from_this()] { self->read_loop(); });
    writer_ = start_thread("the writer of SQLite", [self = shared_from_this()] { self->write_loop(); });
  } catch (...) {
    close();  // the reader holds a reference to this object
    throw;
  }
  schedule_purge();
}

void SqliteWorkers::submit(Queue& queue, CallPtr call) {
  ++unanswered_;
  if (::getpid() != process_) {
    return fail(*call,
                Error(Errc::unavailable, "sqlite: this tier was made before fork(): make one in the child"));
  }
  if (closing_) return fail(*call, Error(Errc::shutdown, "sqlite: the tier was closed"));
  if (const auto why = late(call->deadline, runtime_->clock().now())) return fail(*call, *why);
  deadlines_->watch(call);
  if (!queue.push(call)) fail(*call, Error(Errc::shutdown, "sqlite: the tier was closed"));
}

template <class Answer>
void SqliteWorkers::answered(Answer&& answer) {
  const bool outer = std::exchange(in_handler, true);
  answer();
  in_handler = outer;
  const std::uint32_t before = unanswered_.fetch_sub(1);
  TERRACE_ASSERT(before > 0);
  if (before == 1) unanswered_.notify_all();
}

void SqliteWorkers::fail(Call& call, const Error& error) {
  if (!call.claim()) return;
  const auto self = shared_from_this();  // the handler may release the tier
  deadlines_->forget(call);
  answered([&] { call.answer_all(error, counters); });
}

template <class C, class Results>
void SqliteWorkers::finish(C& call, Results results) {
  if (!call.claim()) return;
  deadlines_->forget(call);
  answered([&] { call.answer(std::move(results), counters); });
}

void SqliteWorkers::read_loop() {
  while (true) {
    std::vector<CallPtr> taken = reads.take();
    if (taken.empty()) return;
    std::vector<std::shared_ptr<ReadCall>> calls;
    for (auto& call : taken) calls.push_back(std::static_pointer_cast<ReadCall>(std::move(call)));
    std::vector<ReadCall::Results> results = engine_.read(calls);
    for (std::size_t i = 0; i < calls.size(); ++i) finish(*calls[i], std::move(results[i]));
  }
}

void SqliteWorkers::write_loop() {
  while (true) {
    std::vector<CallPtr> taken = writes.take();
    if (taken.empty()) return;
    if (dynamic_cast<const SweepCall*>(taken.front().get()) != nullptr) {
      run_sweep(taken.front());
    } else {
      write_group(taken);
    }
  }
}

void SqliteWorkers::write_group(const std::vector<CallPtr>& taken) {
  std::vector<std::shared_ptr<WriteCall>> calls;
  for (const auto& call : taken) calls.push_back(std::static_pointer_cast<WriteCall>(call));
  std::vector<WriteCall::Results> results = engine_.write(calls);
  for (std::size_t i = 0; i < calls.size(); ++i) finish(*calls[i], std::move(results[i]));
}

/// One slice; the rest queues up behind the writes that came meanwhile.
void SqliteWorkers::run_sweep(const CallPtr& call) {
  auto& sweep = static_cast<SweepCall&>(*call);
  if (sweep.claimed()) return;
  const Result<bool> finished = engine_.sweep(sweep);
  TERRACE_ASSERT(!finished || sweep.progress);
  if (finished && !*finished) {
    if (!writes.push(call)) fail(sweep, Error(Errc::shutdown, "sqlite: the tier was closed"));
    return;
  }
  const bool purge = sweep.is_purge();
  finish(sweep,
         finished ? Result<std::uint64_t>(sweep.progress->erased) : Result<std::uint64_t>(finished.error()));
  if (purge) schedule_purge();
}

void SqliteWorkers::schedule_purge() {
  std::lock_guard lock(timer_mutex_);
  if (closing_) return;
  const TimePoint when = after(runtime_->clock().now(), options_.purge_interval);
  purge_timer_ = runtime_->call_at(when, [weak = weak_from_this()] {
    if (const auto alive = weak.lock()) {
      alive->submit(alive->writes, std::make_shared<SweepCall>(no_deadline, nullptr));
    }
  });
}

/// Joins, unless this is the thread itself (a handler let go of the tier), which ends by itself then.
void SqliteWorkers::stop(std::thread& thread) {
  if (!thread.joinable()) return;
  if (::getpid() != process_ || thread.get_id() == std::this_thread::get_id()) {
    thread.detach();
  } else {
    thread.join();
  }
}

void SqliteWorkers::close() {
  if (::getpid() != process_) return;  // its locks and its calls are the parent's
  std::lock_guard lock(close_mutex_);
  {
    std::lock_guard timer_lock(timer_mutex_);
    closing_ = true;
    if (purge_timer_ != 0) runtime_->cancel(purge_timer_);
  }
  const Error error(Errc::shutdown, "sqlite: the tier was closed");
  for (Queue* queue : {&reads, &writes}) {
    for (const CallPtr& call : queue->close()) fail(*call, error);
  }
  stop(reader_);
  stop(writer_);
  deadlines_->stop();
  // A timer may be answering a call now.
  while (!in_handler) {
    const std::uint32_t left = unanswered_;
    if (left == 0) break;
    unanswered_.wait(left);
  }
}

class SqliteTierImpl final : public SqliteTier {
 public:
  SqliteTierImpl(SqliteOptions options, std::shared_ptr<Runtime> runtime)
      : workers_(std::make_shared<SqliteWorkers>(std::move(options), std::move(runtime))) {
    workers_->start();
  }
  ~SqliteTierImpl() override { workers_->close(); }

  [[nodiscard]] std::string_view name() const noexcept override { return "sqlite"; }
  [[nodiscard]] Scope scope() const noexcept override { return workers_->options().scope; }

  void get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) override;
  void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
           Handler<Result<void>> done) override;
  void erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) override;
  void get_many(std::vector<std::string_view> keys, TimePoint deadline,
                Handler<std::vector<Result<Found>>> done) override;
  void set_many(std::vector<TierWrite> writes, TimePoint deadline,
                Handler<std::vector<Result<void>>> done) override;
  void erase_many(std::vector<std::string_view> keys, TimePoint deadline,
                  Handler<std::vector<Result<bool>>> done) override;
  void compare_and_set_many(std::vector<TierSwap> writes, TimePoint deadline,
                            Handler<std::vector<Result<bool>>> done) override;
  [[nodiscard]] bool has_compare_and_set() const noexcept override { return !workers_->options().read_only; }
  void erase_prefix(std::string_view prefix, TimePoint deadline,
                    Handler<Result<std::uint64_t>> done) override;
  void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                  Handler<Result<std::uint64_t>> done) override;
  void close() override { workers_->close(); }
  [[nodiscard]] TierStats stats() const override;
  [[nodiscard]] SqliteStats sqlite_stats() const override { return workers_->engine().stats(); }

 private:
  [[nodiscard]] WriteCall::Item set_item(const TierWrite& write) const;
  [[nodiscard]] std::int64_t expiry(Duration ttl) const;

  const std::shared_ptr<SqliteWorkers> workers_;
};

void SqliteTierImpl::get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) {
  auto call = std::make_shared<ReadCall>(
      deadline,
      [done = std::move(done)](ReadCall::Results results) mutable { done(std::move(results.front())); });
  call->keys.push_back(checked_key(key));
  workers_->submit(workers_->reads, std::move(call));
}

void SqliteTierImpl::get_many(std::vector<std::string_view> keys, TimePoint deadline,
                              Handler<std::vector<Result<Found>>> done) {
  auto call = std::make_shared<ReadCall>(deadline, std::move(done));
  call->keys.reserve(keys.size());
  for (const std::string_view key : keys) call->keys.push_back(checked_key(key));
  workers_->submit(workers_->reads, std::move(call));
}

Result<void> without_value(const Result<bool>& result) {
  return result ? Result<void>() : result.error();
}

void SqliteTierImpl::set(std::string_view key, BytesView value, std::optional<Duration> ttl,
                         TimePoint deadline, Handler<Result<void>> done) {
  auto call = std::make_shared<WriteCall>(
      deadline, WriteCall::Kind::set,
      [done = std::move(done)](WriteCall::Results results) mutable { done(without_value(results.front())); });
  call->items.push_back(set_item({key, value, ttl}));
  workers_->submit(workers_->writes, std::move(call));
}

void SqliteTierImpl::set_many(std::vector<TierWrite> writes, TimePoint deadline,
                              Handler<std::vector<Result<void>>> done) {
  auto call = std::make_shared<WriteCall>(deadline, WriteCall::Kind::set,
                                          [done = std::move(done)](WriteCall::Results results) mutable {
                                            std::vector<Result<void>> outcomes;
                                            outcomes.reserve(results.size());
                                            for (const auto& result : results)
                                              outcomes.push_back(without_value(result));
                                            done(std::move(outcomes));
                                          });
  call->items.reserve(writes.size());
  for (const TierWrite& write : writes) call->items.push_back(set_item(write));
  workers_->submit(workers_->writes, std::move(call));
}

void SqliteTierImpl::erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) {
  auto call = std::make_shared<WriteCall>(
      deadline, WriteCall::Kind::erase,
      [done = std::move(done)](WriteCall::Results results) mutable { done(std::move(results.front())); });
  call->items.push_back({checked_key(key), {}});
  workers_->submit(workers_->writes, std::move(call));
}

void SqliteTierImpl::erase_many(std::vector<std::string_view> keys, TimePoint deadline,
                                Handler<std::vector<Result<bool>>> done) {
  auto call = std::make_shared<WriteCall>(deadline, WriteCall::Kind::erase, std::move(done));
  call->items.reserve(keys.size());
  for (const std::string_view key : keys) call->items.push_back({checked_key(key), {}});
  workers_->submit(workers_->writes, std::move(call));
}

void SqliteTierImpl::compare_and_set_many(std::vector<TierSwap> writes, TimePoint deadline,
                                          Handler<std::vector<Result<bool>>> done) {
  auto call = std::make_shared<WriteCall>(deadline, WriteCall::Kind::compare_and_set, std::move(done));
  call->items.reserve(writes.size());
  for (const TierSwap& write : writes) {
    call->items.push_back(set_item({write.key, write.value, write.ttl}));
    if (write.expected) call->items.back().expected = Bytes(*write.expected);
  }
  workers_->submit(workers_->writes, std::move(call));
}

void SqliteTierImpl::erase_prefix(std::string_view prefix, TimePoint deadline,
                                  Handler<Result<std::uint64_t>> done) {
  erase_glob(prefix, "*", deadline, std::move(done));
}

void SqliteTierImpl::erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                                Handler<Result<std::uint64_t>> done) {
  auto call = std::make_shared<SweepCall>(deadline, std::move(done), prefix, pattern);
  if (const auto fine = check_glob(pattern); !fine) return call->answer_all(fine.error(), workers_->counters);
  workers_->submit(workers_->writes, std::move(call));
}

std::int64_t SqliteTierImpl::expiry(Duration ttl) const {
  const std::int64_t now = workers_->options().clock->wall_now().time_since_epoch().count();
  const std::int64_t lifetime = std::chrono::ceil<std::chrono::milliseconds>(ttl).count();
  return lifetime > never - now ? never : now + lifetime;
}

WriteCall::Item SqliteTierImpl::set_item(const TierWrite& write) const {
  const auto& [key, value, ttl, version] = write;
  WriteCall::Item item{checked_key(key), {}, never, version};
  if (item.key.refused) return item;
  const SqliteOptions& options = workers_->options();
  item.key.refused = bad_ttl(ttl);
  if (!item.key.refused) item.key.refused = bad_value(value.size(), options.max_value_bytes);
  if (!item.key.refused && options.max_bytes != 0) {
    if (const auto whole = row_bytes(key.size(), value.size()); whole > options.max_bytes) {
      item.key.refused = Error(Errc::value_too_large, "the key and the value take " + std::to_string(whole) +
                                                          " bytes; the SQLite tier holds at most " +
                                                          std::to_string(options.max_bytes) + " (max_bytes)");
    }
  }
  if (item.key.refused) return item;
  item.value = value;
  if (ttl) item.expires = expiry(*ttl);
  return item;
}

TierStats SqliteTierImpl::stats() const {
  const Totals totals = workers_->engine().totals();
  TierStats stats = workers_->counters.stats();
  stats.entries = totals.entries;
  stats.bytes = totals.bytes;
  if (!workers_->engine().is_open()) stats.reachable = false;
  return stats;
}

}  // namespace
}  // namespace terrace::database

namespace terrace {

std::shared_ptr<SqliteTier> make_sqlite_tier(SqliteOptions options, std::shared_ptr<Runtime> runtime) {
  // The program may change its directory while the file is in use.
  if (!options.path.empty()) options.path = std::filesystem::absolute(options.path);
  return make_at_home<database::SqliteTierImpl>(std::move(options), std::move(runtime));
}

}  // namespace terrace
