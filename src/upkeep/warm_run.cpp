#include "upkeep/warm_run.hpp"

#include <algorithm>

namespace terrace::upkeep {
namespace {

constexpr Duration longest_backoff = std::chrono::seconds(10);

/// The loader of a task, with the requested TTL; counts its calls under way.
class TaskLoader final : public cascade::Loader {
 public:
  TaskLoader(std::shared_ptr<cascade::Loader> loader, std::optional<Duration> ttl,
             std::shared_ptr<std::atomic<std::size_t>> loading)
      : loader_(std::move(loader)), ttl_(ttl), loading_(std::move(loading)) {}

  [[nodiscard]] bool blocks() const noexcept override { return loader_->blocks(); }

  void load(const cascade::LoadRequest& request, Handler<std::vector<cascade::Loaded>> done) override {
    ++*loading_;
    loader_->load(request, [ttl = ttl_, loading = loading_,
                            done = std::move(done)](std::vector<cascade::Loaded> loaded) mutable {
      --*loading;
      for (auto& one : loaded) {
        if (!one.ttl) one.ttl = ttl;
      }
      done(std::move(loaded));
    });
  }

 private:
  const std::shared_ptr<cascade::Loader> loader_;
  const std::optional<Duration> ttl_;
  const std::shared_ptr<std::atomic<std::size_t>> loading_;
};

/// Another attempt could have another result.
bool may_pass(const Error& error) {
  static constexpr std::array hopeless = {Errc::invalid_key, Errc::invalid_argument, Errc::unencodable,
                                          Errc::value_too_large, Errc::shutdown};
  return std::none_of(hopeless.begin(), hopeless.end(), [&](Errc code) { return error == code; });
}

}  // namespace

WarmRun::WarmRun(CacheHandle cache, std::vector<WarmTask> tasks, WarmerOptions options, std::stop_token stop,
                 Handler<WarmReport> done)
    : cache_(std::move(cache)),
      tasks_(std::move(tasks)),
      options_(std::move(options)),
      stop_(std::move(stop)),
      began_(now()),
      done_(std::move(done)),
      told_(began_) {
  report_.total = tasks_.size();
}

void WarmRun::start() {
  on_stop_.emplace(stop_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->cache_.scheduler().post([self] { self->wake(nullptr); });
  });
  pump();
}

/// A key that is answered at once ends inside begin(), so it must not recurse: the loop looks again.
void WarmRun::pump() {
  {
    std::lock_guard lock(mutex_);
    look_again_ = true;
    if (std::exchange(pumping_, true)) return;
  }
  // Keys in memory end at once: after this many, other work gets its turn on this thread.
  constexpr unsigned turn = 256;
  for (unsigned begun = 0; begun < turn; ++begun) {
    const WorkPtr work = take();
    if (work == nullptr) return;
    begin(work);
  }
  cache_.scheduler().post([self = shared_from_this()] {
    {
      std::lock_guard lock(self->mutex_);
      self->pumping_ = false;
    }
    self->pump();
  });
}

WarmRun::WorkPtr WarmRun::take() {
  bool over = false;
  {
    std::lock_guard lock(mutex_);
    do {
      look_again_ = false;
      if (stop_.stop_requested()) {
        report_.skipped += tasks_.size() - next_ + again_.size();
        next_ = tasks_.size();
        again_.clear();
      }
      if (under_way_ < limit()) {
        if (!again_.empty()) {
          WorkPtr work = std::move(again_.front());
          again_.pop_front();
          ++under_way_;
          return work;
        }
        if (next_ < tasks_.size()) {
          ++under_way_;
          return std::make_shared<Work>(Work{next_++, after(now(), options_.task_timeout)});
        }
      }
      over = next_ == tasks_.size() && again_.empty() && under_way_ == 0 && sleeping_.empty();
    } while (look_again_);
    pumping_ = false;
    if (!over || std::exchange(finishing_, true)) return nullptr;
  }
  finish();
  return nullptr;
}

std::size_t WarmRun::limit() const {
  const auto turns = cache_.engine()->load_turns();
  const std::size_t own = *loading_;
  const std::size_t of_users = turns.taken > own ? turns.taken - own : 0;
  const std::size_t most = std::min(options_.concurrency, turns.slots - 1);
  if (turns.waiting > 0 || most <= of_users) return 1;
  return most - of_users;
}

void WarmRun::begin(const WorkPtr& work) {
  const WarmTask& task = tasks_[work->task];
  ++work->attempts;
  std::shared_ptr<cascade::Loader> loader;
  const LoadMark mark(inside_);
  if (task.loader) loader = std::make_shared<TaskLoader>(task.loader, task.options->ttl, loading_);
  cache_.engine()->read({task.key}, std::move(loader),
                        {.timeout = work->deadline - now(), .tags = task.options->tags},
                        [self = shared_from_this(), work](std::vector<cascade::Answer> answers) {
                          self->answered(work, std::move(answers.front()));
                        });
}

void WarmRun::answered(const WorkPtr& work, cascade::Answer answer) {
  switch (answer.kind) {
    case LookupKind::hit:
      ended(work,
            cache_.engine()->level_name(answer.level) == "loader" ? &WarmProgress::warmed
                                                                  : &WarmProgress::present,
            nullptr);
      break;
    case LookupKind::negative:
    case LookupKind::miss:
      ended(work, &WarmProgress::absent, nullptr);
      break;
    case LookupKind::stale:
    case LookupKind::unavailable:
      if (!retry(work, answer.error)) ended(work, &WarmProgress::failed, &answer.error);
      break;
  }
  tell(false);
  pump();
}

bool WarmRun::retry(const WorkPtr& work, const Error& error) {
  if (work->attempts >= options_.attempts || !may_pass(error) || stop_.stop_requested()) return false;
  if (!work->backoff) work->backoff.emplace(options_.backoff, longest_backoff, random_seed());
  const TimePoint when = after(now(), work->backoff->next());
  if (when >= work->deadline) return false;
  {
    std::lock_guard lock(mutex_);
    --under_way_;
    sleeping_.push_back(work);
    work->wakes = cache_.scheduler().call_at(when, [self = shared_from_this(), work] { self->wake(work); });
  }
  return true;
}

void WarmRun::wake(const WorkPtr& one) {
  {
    std::lock_guard lock(mutex_);
    const auto due = std::stable_partition(sleeping_.begin(), sleeping_.end(),
                                           [&](const WorkPtr& work) { return one && work != one; });
    // A timer that is left would keep the cache until its time.
    if (!one)
      std::for_each(due, sleeping_.end(),
                    [&](const WorkPtr& work) { cache_.scheduler().cancel(work->wakes); });
    again_.insert(again_.end(), due, sleeping_.end());
    sleeping_.erase(due, sleeping_.end());
  }
  pump();
}

void WarmRun::ended(const WorkPtr& work, std::uint64_t WarmProgress::*as, const Error* error) {
  std::lock_guard lock(mutex_);
  --under_way_;
  ++(report_.*as);
  if (error != nullptr && report_.failures.size() < options_.max_failures) {
    report_.failures.push_back({tasks_[work->task].key, work->attempts, *error});
  }
}

void WarmRun::tell(bool last) {
  if (!options_.progress) return;
  std::unique_lock telling(telling_, std::defer_lock);
  if (last) {
    telling.lock();
  } else if (!telling.try_lock() || now() < told_ + options_.progress_interval) {
    return;
  }
  if (deaf_) return;
  deaf_ = last;  // later progress is in the report
  told_ = now();
  WarmProgress progress;
  {
    std::lock_guard lock(mutex_);
    progress = report_;
  }
  progress.elapsed = told_ - began_;
  try {
    options_.progress(progress);
  } catch (...) {
    deaf_ = true;
  }
}

/// Reads do not wait until loaded values have arrived in the tiers; the report does.
void WarmRun::finish() {
  cache_.engine()->flush({}, [self = shared_from_this()](const Result<void>&) {
    self->tell(true);
    WarmReport report;
    {
      // Another thread may still be leaving pump().
      std::lock_guard lock(self->mutex_);
      report = std::move(self->report_);
    }
    report.elapsed = self->now() - self->began_;
    self->done_(std::move(report));
  });
}

}  // namespace terrace::upkeep
