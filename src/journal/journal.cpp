#include "journal/journal.hpp"

#include <unistd.h>

#include <algorithm>
#include <random>
#include <system_error>

namespace terrace::journal {
namespace {

constexpr std::size_t write_size = std::size_t{1} << 20;

std::uint64_t random_id() {
  std::random_device random;
  std::uint64_t id = 0;
  while (id == 0) id = (std::uint64_t{random()} << 32) | random();
  return id;
}

}  // namespace

Journal::Journal(JournalOptions options, Directory directory)
    : options_(std::move(options)), process_(::getpid()), directory_(std::move(directory)) {}

std::shared_ptr<Journal> Journal::open(JournalOptions options, const std::function<void(Change)>& recovered) {
  try {
    Directory directory = Directory::lock(options.path, *options.disk);
    const std::shared_ptr<Journal> journal(new Journal(std::move(options), std::move(directory)));
    journal->recover(recovered);
    return journal;
  } catch (const std::system_error& fault) {
    throw ConfigError(std::string("the journal cannot be opened: ") + fault.what() +
                      "; it needs a directory on a local disk that this process may write to");
  }
}

Journal::~Journal() {
  close();
}

void Journal::recover(const std::function<void(Change)>& recovered) {
  Recovered found = journal::recover(*directory_, options_.sealing, recovered);
  const bool is_new = found.id == 0;
  id_ = is_new ? random_id() : found.id;
  next_ = is_new ? options_.first : std::max(options_.first, found.next);
  done_ = std::move(found.done);
  done_.mark(found.follows, next_ - 1);
  segments_.assign(found.segments.begin(), found.segments.end());
  for (const Segment& segment : segments_) stats_.bytes += segment.bytes;
  damage_ = std::move(found.damage);
  stats_.damaged = damage_.size();
  stats_.torn_bytes = found.torn_bytes;
  begin_segment();
  retire();
}

void Journal::append(Change change, Handler<Result<Change>> appended) {
  enqueue({std::move(change), {}, std::move(appended)});
}

void Journal::bury(Change change, std::string reason, Handler<Result<Change>> buried) {
  enqueue({std::move(change), std::move(reason), std::move(buried)});
}

void Journal::enqueue(Request request) {
  std::unique_lock lock(mutex_);
  if (closed_) {
    lock.unlock();
    return request.answer(Error(Errc::shutdown, "the journal " + options_.path + " is closed"));
  }
  requests_.push_back(std::move(request));
  wake(lock);
}

void Journal::done(const std::vector<std::uint64_t>& versions) {
  if (versions.empty()) return;
  std::unique_lock lock(mutex_);
  if (closed_) return;
  done_versions_.insert(done_versions_.end(), versions.begin(), versions.end());
  wake(lock);
}

void Journal::wake(std::unique_lock<std::mutex>& lock) {
  if (state_ != State::idle) return;
  state_ = State::scheduled;
  lock.unlock();
  options_.run([self = shared_from_this()] { self->work(); });
}

void Journal::work() {
  std::unique_lock lock(mutex_);
  if (state_ != State::scheduled) return;  // close() was quicker
  state_ = State::working;
  while (!requests_.empty() || !done_versions_.empty()) {
    std::vector<Request> requests = std::exchange(requests_, {});
    const std::vector<std::uint64_t> done = std::exchange(done_versions_, {});
    std::optional<Error> failed = broken_;
    lock.unlock();
    if (!failed) failed = commit(requests, done);
    for (Request& request : requests) {
      if (failed) {
        request.answer(*failed);
      } else {
        request.answer(std::move(request.change));
      }
    }
    requests.clear();
    lock.lock();
    broken_ = failed;
  }
  state_ = State::idle;
  rested_.notify_all();
}

std::optional<Error> Journal::commit(std::vector<Request>& requests, std::vector<std::uint64_t> done) try {
  std::uint64_t changes = 0, letters = 0;
  for (Request& request : requests) {
    if (request.reason) {
      ++letters;
      done.push_back(request.change.version);
      write_letter(request);
    } else {
      ++changes;
      write_change(request.change);
    }
  }
  if (letters > 0) sync(*letters_);  // before the marks that make the changes go away
  if (!done.empty()) write_mark(done);
  put_out();
  if (changes > 0) sync(*active_);
  retire();
  std::lock_guard lock(mutex_);
  stats_.appended += changes;
  stats_.dead_letters += letters;
  return {};
} catch (const std::exception& fault) {
  return Error(Errc::io_error,
               "the journal has stopped: " + std::string(fault.what()) +
                   "; acknowledged changes are kept. Fix the disk, then open the journal again");
}

void Journal::write_change(Change& change) {
  change.version = next_++;
  ++active_records_;
  append_record(buffer_, id_, change, options_.sealing);
  if (buffer_.size() >= write_size) put_out();
}

void Journal::write_letter(const Request& request) {
  if (!letters_) {
    letters_ = directory_->create(FileName{id_, next_, ".dead"}.text());
    letters_->append(encode(FileHeader{.kind = FileKind::dead_letters, .id = id_}));
    directory_->sync();
  }
  Bytes record;
  append_record(record, id_, DeadLetter{request.change, *request.reason}, options_.sealing);
  letters_->append(record);
}

void Journal::write_mark(std::vector<std::uint64_t>& done) {
  std::sort(done.begin(), done.end());
  Done mark;
  for (const std::uint64_t version : done) {
    if (!mark.ranges.empty() && mark.ranges.back().second + 1 >= version) {
      mark.ranges.back().second = version;
    } else {
      mark.ranges.emplace_back(version, version);
    }
  }
  for (const auto& [first, last] : mark.ranges) done_.mark(first, last);
  mark.watermark = written_watermark_ = done_.watermark();
  append_record(buffer_, id_, next_, mark);
  done_.mark(next_, next_);
  ++next_;
  ++active_records_;
}

void Journal::put_out() {
  active_->append(buffer_);
  {
    std::lock_guard lock(mutex_);
    stats_.bytes += buffer_.size();
  }
  buffer_.clear();
  if (active_->size() < options_.segment_bytes && active_records_ < sequence_gap / 2) return;
  sync(*active_);
  segments_.push_back({active_name_, next_, active_->size()});
  begin_segment();
}

void Journal::sync(File& file) {
  if (options_.sync == JournalSync::os_cache) return;
  file.sync();
  std::lock_guard lock(mutex_);
  ++stats_.syncs;
}

void Journal::begin_segment() {
  const std::uint64_t follows = segments_.empty() ? next_ : segments_.back().end;
  written_watermark_ = done_.watermark();
  active_name_ = FileName{id_, next_, ".log"}.text();
  active_ = directory_->create(active_name_);
  active_->append(
      encode(FileHeader{.id = id_, .first = next_, .follows = follows, .watermark = written_watermark_}));
  active_records_ = 0;
  directory_->sync();
  std::lock_guard lock(mutex_);
  stats_.bytes += header_size;
  stats_.segments = segments_.size() + 1;
}

void Journal::retire() {
  const auto over = [&] { return !segments_.empty() && segments_.front().end <= written_watermark_; };
  if (!over()) return;
  sync(*active_);
  while (over()) {
    directory_->remove(segments_.front().name);
    std::lock_guard lock(mutex_);
    stats_.bytes -= segments_.front().bytes;
    segments_.pop_front();
    stats_.segments = segments_.size() + 1;
  }
}

void Journal::close() {
  if (forked()) return;  // what is open belongs to the parent
  std::unique_lock lock(mutex_);
  closed_ = true;
  if (state_ == State::scheduled) {
    lock.unlock();
    work();
    lock.lock();
  }
  rested_.wait(lock, [this] { return state_ == State::idle; });
  if (!directory_) return;
  if (active_ && !broken_ && options_.sync == JournalSync::durable) {
    try {
      active_->sync();
    } catch (const std::system_error&) {
      // Marks may be lost; the changes are told again.
    }
  }
  active_.reset();
  letters_.reset();
  directory_.reset();
}

bool Journal::forked() const noexcept {
  return ::getpid() != process_;
}

JournalStats Journal::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

}  // namespace terrace::journal
