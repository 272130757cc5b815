#include "memory/model.hpp"

#include <algorithm>
#include <tuple>

namespace terrace::memory {

Model::Entry* Model::find(int key) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.key == key; });
  return found == entries_.end() ? nullptr : &*found;
}

std::uint64_t Model::weight() const {
  std::uint64_t sum = 0;
  for (const Entry& entry : entries_) sum += weigh(entry.value);
  return sum;
}

void Model::remove(int key, RemovalCause cause) {
  const Entry* entry = find(key);
  removals_.push_back({key, entry->value, cause});
  switch (cause) {
    case RemovalCause::explicit_erase:
      ++stats_.erased;
      break;
    case RemovalCause::replaced:
      ++stats_.replaced;
      break;
    case RemovalCause::expired:
      ++stats_.expired;
      break;
    case RemovalCause::evicted:
      ++stats_.evictions;
      break;
  }
  entries_.erase(entries_.begin() + (entry - entries_.data()));
}

void Model::set_time(TimePoint now) {
  now_ = now;
  for (std::size_t i = entries_.size(); i-- > 0;) {
    if (entries_[i].expires() <= now) remove(entries_[i].key, RemovalCause::expired);
  }
}

void Model::use(Entry& entry) {
  ++entry.uses;
  if (eviction_ == Eviction::w_tinylfu) return segment_use(entry);
  entry.s3_uses = std::min(entry.s3_uses + 1, 3);
  if (eviction_ == Eviction::lru || eviction_ == Eviction::lfu) entry.arrival = ++arrivals_;
}

std::optional<int> Model::get(int key) {
  if (eviction_ == Eviction::adaptive && tuner_.samples(hash(key))) tuner_.saw(hash(key));
  Entry* entry = find(key);
  if (entry == nullptr) return ++stats_.misses, std::nullopt;
  ++stats_.hits;
  entry->used = now_;
  use(*entry);
  return entry->value;
}

bool Model::set(int key, int value, std::optional<Duration> ttl, std::optional<Duration> idle) {
  Entry* old = find(key);
  const bool has_run_out = (ttl && *ttl <= Duration::zero()) || (idle && *idle <= Duration::zero());
  if (has_run_out || (max_bytes_ != 0 && weigh(value) > max_bytes_)) {
    if (old != nullptr) remove(key, RemovalCause::replaced);
    ++stats_.rejected;
    return false;
  }
  const std::size_t needed = max_entries_ != 0 ? max_entries_ : 1024;
  ghost_capacity_ = std::max<std::size_t>(1, needed - needed / 10);
  if (eviction_ == Eviction::w_tinylfu) sketch_.reserve(WTinyLfu::room_for(max_entries_, entries_.size()));
  const bool is_let_in = eviction_ == Eviction::adaptive && adaptive_is_let_in(key);
  Entry made{.key = key, .value = value, .idle = idle, .used = now_};
  if (ttl) made.last = after(now_, *ttl);
  if (old != nullptr) {
    made.uses = old->uses;
    made.s3_uses = old->s3_uses;
    made.in_main = old->in_main;
    made.stamp = old->stamp;
    made.segment = old->segment;
    made.taken_up = old->taken_up;
    made.arrival = eviction_ == Eviction::ttl ? ++arrivals_ : old->arrival;
    removals_.push_back({key, old->value, RemovalCause::replaced});
    ++stats_.replaced;
    *old = made;
    use(*old);
    if (eviction_ == Eviction::gdsf) place(*old);
    takes_from_main_ = false;
    while (max_bytes_ != 0 && weight() > max_bytes_) evict();
    return true;
  }
  if (const auto ghost = ghosts_.find(key); eviction_ != Eviction::adaptive && ghost != ghosts_.end()) {
    made.in_main = ghosts_added_ - ghost->second <= ghost_capacity_;
    if (made.in_main) ghosts_.erase(ghost);
  }
  while (max_entries_ != 0 && entries_.size() >= max_entries_) evict();
  while (max_bytes_ != 0 && weight() + weigh(value) > max_bytes_) evict();
  takes_from_main_ = false;
  made.arrival = ++arrivals_;
  made.in_main = made.in_main || is_let_in;
  made.stamp = ghosts_added_;
  entries_.push_back(made);
  if (eviction_ == Eviction::gdsf) place(entries_.back());
  if (eviction_ == Eviction::w_tinylfu) segment_join(entries_.back(), 0);
  ++stats_.inserts;
  return true;
}

bool Model::erase(int key) {
  if (find(key) == nullptr) return false;
  remove(key, RemovalCause::explicit_erase);
  return true;
}

std::size_t Model::erase_multiples(int of) {
  std::size_t erased = 0;
  for (const auto& [key, value] : content()) erased += key % of == 0 && erase(key);
  return erased;
}

void Model::clear() {
  erase_multiples(1);
  ghosts_.clear();
  sketch_.clear();
  age_ = 0;
}

void Model::evict() {
  const int key = victim();
  const bool keeps_ghosts = eviction_ == Eviction::s3fifo || eviction_ == Eviction::adaptive;
  if (keeps_ghosts && !find(key)->in_main) ghosts_[key] = ghosts_added_++;
  remove(key, RemovalCause::evicted);
}

int Model::victim() {
  if (eviction_ == Eviction::s3fifo) return s3fifo_victim();
  if (eviction_ == Eviction::adaptive) return adaptive_victim();
  if (eviction_ == Eviction::w_tinylfu) return segmented_victim();
  if (eviction_ == Eviction::gdsf) return worth_least();
  const auto leaves_before = [&](const Entry& a, const Entry& b) {
    if (eviction_ == Eviction::lfu && a.uses != b.uses) return a.uses < b.uses;
    if (eviction_ == Eviction::ttl && a.expires() != b.expires()) return a.expires() < b.expires();
    return a.arrival < b.arrival;
  };
  return std::min_element(entries_.begin(), entries_.end(), leaves_before)->key;
}

Model::Entry* Model::oldest(bool in_main) {
  Entry* found = nullptr;
  for (Entry& entry : entries_) {
    if (entry.in_main == in_main && (found == nullptr || entry.arrival < found->arrival)) found = &entry;
  }
  return found;
}

int Model::s3fifo_victim() {
  for (;;) {
    const auto small =
        std::count_if(entries_.begin(), entries_.end(), [](const Entry& e) { return !e.in_main; });
    const auto target = std::max<std::ptrdiff_t>(1, static_cast<std::ptrdiff_t>(entries_.size()) / 10);
    const bool from_main = oldest(true) != nullptr && small < target;
    Entry& last = *oldest(from_main);
    if (last.s3_uses < (from_main ? 1 : 2)) return last.key;
    last.s3_uses = from_main ? last.s3_uses - 1 : 0;
    last.in_main = true;
    last.arrival = ++arrivals_;
  }
}

std::size_t Model::count(bool in_main) const {
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.in_main == in_main; }));
}

std::size_t Model::window_target() const {
  return std::max<std::size_t>(1, bound_ * shape_.permille / 1000);
}

bool Model::main_has_room() const {
  return count(true) + window_target() + (max_entries_ != 0 ? 0 : bound_ / 8) < bound_;
}

void Model::enter_main(Entry& entry, int uses) {
  entry.in_main = true;
  entry.s3_uses = uses;
  entry.stamp = ghosts_added_;
  entry.arrival = ++arrivals_;
}

Model::Entry* Model::turn_hand() {
  while (oldest(true)->s3_uses > 0) enter_main(*oldest(true), oldest(true)->s3_uses - 1);
  return oldest(true);
}

bool Model::adaptive_is_let_in(int key) {
  shape_ = tuner_.best();
  bound_ = std::max(bound_, entries_.size());
  for (int i = 0; i < 2 && count(false) >= window_target() && main_has_room(); ++i) {
    enter_main(*oldest(false), 0);
  }
  takes_from_main_ = false;
  const auto ghost = ghosts_.find(key);
  if (ghost == ghosts_.end()) return false;
  const std::uint64_t age = ghosts_added_ - ghost->second;
  ghosts_.erase(ghost);
  if (age > WindowClock::least_ghosts) return false;
  if (entries_.size() < bound_ || main_has_room()) return true;
  if (count(true) == 0) return false;
  takes_from_main_ = age * 4 <= (ghosts_added_ - turn_hand()->stamp) * 3;
  return takes_from_main_;
}

int Model::adaptive_victim() {
  if (entries_.size() > told_ * 2 || entries_.size() < told_ / 2) {
    told_ = entries_.size();
    tuner_.expect_per_shard(told_);
  }
  bound_ = entries_.size();
  if (std::exchange(takes_from_main_, false) && count(true) > 0) return turn_hand()->key;
  while (count(true) == 0 || count(false) >= window_target()) {
    Entry& last = *oldest(false);
    if (last.s3_uses == 0) return last.key;
    if (last.s3_uses >= static_cast<int>(shape_.promoting_uses)) {
      enter_main(last, 0);
    } else {
      last.s3_uses = 0;
      last.arrival = ++arrivals_;
    }
  }
  return turn_hand()->key;
}

void Model::place(Entry& entry) {
  const std::size_t weight = weighs_ ? weigh(entry.value) : default_weight(entry.key, entry.value);
  entry.priority = age_ + static_cast<double>(entry.taken_up) * (1 / static_cast<double>(weight));
  entry.arrival = ++arrivals_;
}

int Model::worth_least() {
  for (;;) {
    Entry& least = *std::min_element(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.priority, a.arrival) < std::tie(b.priority, b.arrival);
    });
    if (least.s3_uses == 0) {
      age_ = std::max(age_, least.priority);
      return least.key;
    }
    least.taken_up += static_cast<std::uint64_t>(std::exchange(least.s3_uses, 0));
    place(least);
  }
}

std::size_t Model::segment_size(int segment) const {
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.segment == segment; }));
}

Model::Entry* Model::segment_last(int segment) {
  Entry* found = nullptr;
  for (Entry& entry : entries_) {
    if (entry.segment == segment && (found == nullptr || entry.arrival < found->arrival)) found = &entry;
  }
  return found;
}

void Model::segment_join(Entry& entry, int segment) {
  bound_ = std::max(bound_, entries_.size());
  sketch_.add(WTinyLfu::sketch_hash(hash(entry.key)));
  entry.segment = segment;
  if (segment_size(0) > WTinyLfu::window_target(bound_)) {
    Entry& last = *segment_last(0);
    last.segment = 1;
    last.arrival = ++arrivals_;
  }
}

void Model::segment_use(Entry& entry) {
  sketch_.add(WTinyLfu::sketch_hash(hash(entry.key)));
  entry.arrival = ++arrivals_;
  if (entry.segment != 1) return;
  entry.segment = 2;
  if (segment_size(2) > WTinyLfu::protected_target(bound_)) {
    Entry& last = *segment_last(2);
    last.segment = 1;
    last.arrival = ++arrivals_;
  }
}

int Model::segmented_victim() {
  const auto frequency = [&](const Entry& e) {
    return sketch_.frequency(WTinyLfu::sketch_hash(hash(e.key)));
  };
  bound_ = entries_.size();
  Entry* const candidate = segment_last(0);
  Entry* const last = segment_last(1) != nullptr ? segment_last(1) : segment_last(2);
  if (last == nullptr) return candidate->key;
  if (candidate == nullptr || segment_size(0) < WTinyLfu::window_target(bound_)) return last->key;
  if (frequency(*candidate) <= frequency(*last)) return candidate->key;
  candidate->segment = 1;
  candidate->arrival = ++arrivals_;
  return last->key;
}

std::map<int, int> Model::content() const {
  std::map<int, int> all;
  for (const Entry& entry : entries_) all[entry.key] = entry.value;
  return all;
}

}  // namespace terrace::memory
