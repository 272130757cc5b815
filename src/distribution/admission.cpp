#include "distribution/admission.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace terrace::distribution {
namespace {

using namespace std::chrono_literals;

constexpr Duration step_limit = 1s;
constexpr Duration charge_time = 2s;
/// A process that reaches no other node is probably cut off from them; they are probably not gone.
constexpr Duration alone = 5s;

/// The node holds everything it confirmed.
bool remembers(const Membership& membership) {
  return membership.remembers && membership.left > Duration::zero();
}

bool holds(const std::vector<std::size_t>& list, std::size_t node) {
  return std::find(list.begin(), list.end(), node) != list.end();
}

}  // namespace

Admission::Admission(std::shared_ptr<ReplicaGroup> group, std::size_t node, Duration waited, Done done)
    : group_(std::move(group)),
      waited_(waited),
      token_(group_->random()),
      done_(std::move(done)),
      nodes_{node} {}

TimePoint Admission::soon() const noexcept {
  return after(group_->now(), step_limit);
}

/// An admission that gives up releases the nodes, so that another process need not wait until the charge
/// expires.
void Admission::end(std::string why_not) {
  if (!done_) return;
  if (!why_not.empty()) {
    for (const auto node : taken_) {
      versioned(node).keep_charge(token_, std::chrono::milliseconds(1), soon(), [](const Result<bool>&) {});
    }
  }
  std::exchange(done_, nullptr)({std::move(why_not), complete_});
}

/// Runs the step for one node after the other, then continues; ends at the first that refuses.
void Admission::for_each_node(Step step, const char* doing, Then then, std::size_t from) {
  TERRACE_ASSERT(from <= nodes_.size());
  if (from == nodes_.size()) return ((*this).*then)();
  (this->*step)(nodes_[from], [self = shared_from_this(), step, doing, then,
                               from](const Result<bool>& answer) {
    const std::string what = std::string(doing) + " " + self->group_->node(self->nodes_[from]).name + ": ";
    if (!answer) return self->end(what + answer.error().message());
    if (!*answer) return self->end(what + "it restarted, or another process is in charge");
    self->for_each_node(step, doing, then, from + 1);
  });
}

// ---- The nodes to admit

void Admission::take_charge_of(std::size_t node, Answer answer) {
  taken_.push_back(node);
  versioned(node).take_charge(token_, charge_time, soon(), std::move(answer));
}

void Admission::keep_charge_of(std::size_t node, Answer answer) {
  versioned(node).keep_charge(token_, charge_time, soon(), std::move(answer));
}

void Admission::admit_one(std::size_t node, Answer answer) {
  versioned(node).admit(token_, group_->repair_time(), soon(), std::move(answer));
}

/// A key on an untrusted node may have been deleted long ago, and the deletion forgotten.
void Admission::clean_one(std::size_t node, Answer answer) {
  versioned(node).membership(soon(), [self = shared_from_this(), node,
                                      answer = std::move(answer)](const Result<Membership>& told) mutable {
    if (!told) return answer(told.error());
    if (!remembers(*told)) self->forgetful_.push_back(node);
    if (self->group_->standing_of(*told) != Standing::stranger) return answer(true);
    self->versioned(node).purge(self->token_, after(self->group_->now(), charge_time), std::move(answer));
  });
}

// ---- The others

void Admission::look_at_others() {
  charged_ = nodes_.size();
  others_.clear();
  for (std::size_t i = 0; i < group_->size(); ++i) {
    if (!is_ours(i)) others_.push_back({i});
  }
  awaited_ = others_.size();
  if (others_.empty()) return plan();
  for (std::size_t i = 0; i < others_.size(); ++i) {
    versioned(others_[i].node)
        .membership(soon(), [self = shared_from_this(), i](const Result<Membership>& told) {
          {
            std::lock_guard lock(self->mutex_);
            if (told) self->others_[i].at_first = *told;
            self->others_[i].answered = told.has_value();
            TERRACE_ASSERT(self->awaited_ > 0);
            if (--self->awaited_ > 0) return;
          }
          self->plan();
        });
  }
}

void Admission::plan() {
  TERRACE_ASSERT(sources_.empty() && source_ == 0 && charged_ == nodes_.size());
  std::vector<std::size_t> also_forgot;
  unsigned away = 0;
  for (const auto& other : others_) {
    const bool lagging = other.at_first.left > Duration::zero();
    if (!other.answered) {
      ++away;
    } else if (remembers(other.at_first) || (!group_->strong() && lagging)) {
      sources_.push_back(other.node);
    } else {
      also_forgot.push_back(other.node);
    }
  }
  if (group_->strong()) {
    const std::size_t left_out = away + also_forgot.size();
    const std::size_t write = group_->quorum().write;
    const bool enough = left_out + (forgetful_.empty() ? 1 : 2) <= write;
    if (!enough && away > 0) {
      return end(std::to_string(left_out) +
                 " of the other nodes are down or have lost data, too: only they may have some writes with " +
                 "write_quorum " + std::to_string(write));
    }
    if (!enough && !also_forgot.empty()) return widen(also_forgot);
    forgetful_.insert(forgetful_.end(), also_forgot.begin(), also_forgot.end());
  }
  if (!group_->strong() && waits(away)) {
    return end(std::to_string(away) + " of the other nodes are down; it waits for them for some time");
  }
  complete_ = away == 0;
  // Keys that only they hold may be missing on the others.
  sources_.insert(sources_.end(), nodes_.begin(), nodes_.end());
  scan_next_source();
}

bool Admission::waits(unsigned away) const {
  const bool others_answer = std::any_of(others_.begin(), others_.end(), [&](const Other& other) {
    return other.answered && group_->standing_of(other.at_first) == Standing::member;
  });
  // Short enough that a member that is renewed meanwhile stays one.
  const Duration patience = group_->repair_time() / 8;
  return away > 0 && waited_ < (others_answer ? patience : std::min<Duration>(alone, patience));
}

void Admission::widen(const std::vector<std::size_t>& more) {
  nodes_.insert(nodes_.end(), more.begin(), more.end());
  sources_.clear();
  take_charge();
}

bool Admission::is_ours(std::size_t node) const noexcept {
  return holds(nodes_, node);
}

bool Admission::concerns(const std::string& key) const {
  const auto holders = group_->holders(key);
  return std::any_of(holders.begin(), holders.end(), [&](std::size_t holder) { return is_ours(holder); });
}

bool Admission::is_lost(const std::string& key) const {
  if (!group_->strong()) return false;
  const auto holders = group_->holders(key);
  const auto forgot = std::count_if(holders.begin(), holders.end(),
                                    [&](std::size_t holder) { return holds(forgetful_, holder); });
  return static_cast<unsigned>(forgot) >= group_->quorum().write;
}

// ---- Comparing

void Admission::scan_next_source() {
  if (source_ == sources_.size()) return check_sources();
  scan();
}

void Admission::scan() {
  TERRACE_ASSERT(source_ < sources_.size());
  versioned(sources_[source_]).scan(page_, soon(), [self = shared_from_this()](Result<ScanPage> page) {
    if (!page) {
      return self->end("scanning " + self->group_->node(self->sources_[self->source_]).name + ": " +
                       page.error().message());
    }
    self->compare(std::move(*page));
  });
}

/// Repairs differences. A single node is first asked for its versions, because usually nothing differs.
void Admission::compare(ScanPage page) {
  page_ = std::move(page.next);
  std::erase_if(page.keys, [&](const auto& entry) { return !concerns(entry.first); });
  std::vector<std::string> all;
  for (const auto& [key, version] : page.keys) all.push_back(key);
  const bool own = is_ours(sources_[source_]);
  if (all.empty() || own || nodes_.size() > 1) return repair(std::move(all));
  auto shared = std::make_shared<ScanPage>(std::move(page));
  std::vector<std::string_view> keys;
  for (const auto& [key, version] : shared->keys) keys.push_back(key);
  versioned(nodes_.front())
      .versions_many(std::move(keys), soon(),
                     [self = shared_from_this(), shared](const std::vector<Result<Written>>& held) {
                       std::vector<std::string> differing;
                       for (std::size_t i = 0; i < held.size(); ++i) {
                         const auto& [key, version] = shared->keys[i];
                         if (!held[i] || held[i]->held != version || self->is_lost(key))
                           differing.push_back(key);
                       }
                       self->repair(std::move(differing));
                     });
}

void Admission::repair(std::vector<std::string> keys) {
  const auto middle =
      std::stable_partition(keys.begin(), keys.end(), [&](const auto& key) { return is_lost(key); });
  std::vector<std::string> copies(std::make_move_iterator(middle), std::make_move_iterator(keys.end()));
  keys.erase(middle, keys.end());
  auto copy = [self = shared_from_this(),
               copies = std::move(copies)](const std::vector<std::string>& there) mutable {
    if (!there.empty()) return self->end("deleting what may be lost: a node did not answer");
    Repair::start(self->group_, std::move(copies), self->nodes_, Repair::Aim::copy, step_limit,
                  [self](const std::vector<std::string>& unfinished) {
                    for (const auto& key : unfinished) {
                      for (const auto node : self->nodes_) self->group_->node(node).hints.add(key);
                    }
                    self->next_page();
                  });
  };
  Repair::start(group_, std::move(keys), nodes_, Repair::Aim::forget, step_limit, std::move(copy));
}

void Admission::next_page() {
  if (!page_.empty()) {
    return for_each_node(&Admission::keep_charge_of, "keeping charge of", &Admission::scan, 0);
  }
  ++source_;
  scan_next_source();
}

// ---- The end

void Admission::succeed() {
  TERRACE_ASSERT(done_ && charged_ == nodes_.size());
  for (const auto node : nodes_) group_->node(node).standing = Standing::member;
  group_->changed();
  end("");
}

/// A source that lost data meanwhile was not scanned completely.
void Admission::check_sources() {
  std::vector<Other> scanned;
  for (const auto& other : others_) {
    if (remembers(other.at_first)) scanned.push_back(other);
  }
  if (scanned.empty()) return admit();
  awaited_ = scanned.size();
  for (const auto& other : scanned) {
    versioned(other.node)
        .membership(soon(), [self = shared_from_this(), other](const Result<Membership>& told) {
          const bool same = told && remembers(*told) && told->admission == other.at_first.admission;
          {
            std::lock_guard lock(self->mutex_);
            if (!same) self->changed_ = self->group_->node(other.node).name;
            TERRACE_ASSERT(self->awaited_ > 0);
            if (--self->awaited_ > 0) return;
          }
          if (self->changed_.empty()) return self->admit();
          self->end("node " + self->changed_ + " restarted or went down meanwhile");
        });
  }
}

}  // namespace terrace::distribution
