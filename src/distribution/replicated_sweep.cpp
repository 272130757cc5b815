#include "distribution/replicated_sweep.hpp"

#include <terrace/glob.hpp>

#include "distribution/replicated_write.hpp"

namespace terrace::distribution {

ReplicatedSweep::ReplicatedSweep(std::shared_ptr<ReplicaGroup> group, std::string prefix, std::string pattern,
                                 TimePoint deadline, Done done)
    : group_(std::move(group)),
      prefix_(std::move(prefix)),
      pattern_(std::move(pattern)),
      deadline_(deadline),
      done_(std::move(done)) {}

void ReplicatedSweep::scan() {
  if (node_ == group_->size()) return finish(nullptr);
  group_->node(node_).versioned->scan(page_, deadline_,
                                      [self = shared_from_this()](const Result<ScanPage>& page) {
                                        page ? self->take(*page) : self->skip_node(page.error());
                                      });
}

void ReplicatedSweep::take(const ScanPage& page) {
  page_ = page.next;
  std::vector<Change> changes;
  for (const auto& [key, version] : page.keys) {
    if (!key.starts_with(prefix_) || !glob_matches(pattern_, std::string_view(key).substr(prefix_.size())))
      continue;
    changes.push_back({key, std::nullopt});
  }
  ReplicatedWrite::start(
      group_, changes, deadline_,
      [self = shared_from_this()](const std::vector<Result<bool>>& outcomes) { self->erased(outcomes); });
}

void ReplicatedSweep::erased(const std::vector<Result<bool>>& outcomes) {
  for (const auto& outcome : outcomes) {
    if (!outcome) {
      const Error why = outcome.error();
      return finish(&why);
    }
    removed_ += *outcome ? 1 : 0;
  }
  if (!page_.empty()) return scan();
  next_node();
}

void ReplicatedSweep::next_node() {
  ++node_;
  page_.clear();
  scan();
}

/// A write that W nodes confirmed is found while fewer than W nodes are left out.
void ReplicatedSweep::skip_node(const Error& why) {
  if (++skipped_ >= group_->quorum().write || is_the_request(why)) return finish(&why);
  next_node();
}

void ReplicatedSweep::finish(const Error* failure) {
  group_->counters.erases += removed_;
  if (failure == nullptr) return done_(removed_);
  group_->counters.count_write(false);
  done_(Error(failure->code,
              failure->context + " (" + std::to_string(removed_) + " keys were removed before)"));
}

}  // namespace terrace::distribution
