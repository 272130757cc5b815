#include "distribution/quorum.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace terrace::distribution {
namespace {

std::string of(unsigned part, unsigned whole) {
  return std::to_string(part) + " of " + std::to_string(whole);
}

/// An error of the request outweighs errors of nodes.
bool is_worse(const Error& a, const Error& b) {
  const auto weight = [](const Error& error) {
    if (error == Errc::invalid_key || error == Errc::invalid_argument || error == Errc::value_too_large)
      return 3;
    if (error == Errc::shutdown) return 2;
    return error == Errc::timed_out ? 1 : 0;
  };
  return b.code == std::error_code() || weight(a) > weight(b);
}

}  // namespace

Quorum make_quorum(Consistency level, unsigned copies, unsigned read, unsigned write, unsigned may_forget) {
  const auto refuse = [](const std::string& why) { throw ConfigError("ReplicatedOptions: " + why); };
  const bool strong = level == Consistency::strong;
  // R + W > N + a with the smallest W that two writes cannot reach separately: 2 W > N + a.
  const unsigned majority = (copies + may_forget) / 2 + 1;
  Quorum quorum{copies, read, write, strong};
  if (read == 0) quorum.read = strong ? majority : 1;
  if (write == 0) quorum.write = strong ? majority : 1;
  if (quorum.read > copies || quorum.write > copies) {
    refuse("read_quorum is " + std::to_string(quorum.read) + " and write_quorum " +
           std::to_string(quorum.write) + ", but a key has only " + std::to_string(copies) + " copies" +
           (may_forget > 0 ? " (may_forget is " + std::to_string(may_forget) + "; use more nodes or copies)"
                           : ""));
  }
  const auto sum = [&](unsigned a, unsigned b, const char* names) {
    return std::string(names) + " = " + std::to_string(a) + " + " + std::to_string(b) + " = " +
           std::to_string(a + b) + " must be more than copies + may_forget = " + std::to_string(copies) +
           " + " + std::to_string(may_forget) + " = " + std::to_string(copies + may_forget);
  };
  if (strong && quorum.read + quorum.write <= copies + may_forget) {
    refuse("strong consistency needs a quorum in which every read meets every write: " +
           sum(quorum.read, quorum.write, "read_quorum + write_quorum") +
           "; raise read_quorum or write_quorum");
  }
  return quorum;
}

bool is_the_request(const Error& error) noexcept {
  return error == Errc::invalid_key || error == Errc::invalid_argument || error == Errc::value_too_large ||
         error == Errc::shutdown;
}

bool may_have_arrived(const Error& error) noexcept {
  return error == Errc::timed_out || error == Errc::io_error || error == Errc::effect_unknown ||
         error == Errc::corrupt || error == Errc::shutdown;
}

// ---- ReadVote

void ReadVote::asked(unsigned replica) {
  TERRACE_ASSERT(replica < replicas_.size() && replicas_[replica].state == State::idle);
  replicas_[replica].state = State::asked;
}

void ReadVote::written_back(unsigned replica) {
  TERRACE_ASSERT(replica < replicas_.size() && replicas_[replica].state == State::heard);
  replicas_[replica].state = State::asked;
}

/// A replica answers what it was asked, once.
void ReadVote::answered(unsigned replica, State state) {
  TERRACE_ASSERT(replica < replicas_.size() && replicas_[replica].state == State::asked);
  replicas_[replica].state = state;
}

void ReadVote::heard(unsigned replica, Copy copy) {
  answered(replica, State::heard);
  auto& it = replicas_[replica];
  it.told = true;
  it.held = copy.version;
  it.dead = !copy.value;
  if (outranks(copy, best_)) best_ = std::move(copy);
}

void ReadVote::lost(unsigned replica, const Error& why) {
  answered(replica, State::lost);
  replicas_[replica].why = why;
}

void ReadVote::confirmed(unsigned replica, Version held) {
  answered(replica, State::heard);
  auto& it = replicas_[replica];
  TERRACE_ASSERT(it.told);  // it is written back to because of what it told
  it.held = std::max(held, it.held);
  it.dead = it.dead || (held == best_.version && !best_.value);
}

bool ReadVote::holds_less(unsigned replica) const noexcept {
  const auto& it = replicas_[replica];
  return it.held < best_.version || (it.held == best_.version && !best_.value && !it.dead);
}

unsigned ReadVote::count(State state) const noexcept {
  return static_cast<unsigned>(
      std::count_if(replicas_.begin(), replicas_.end(), [&](const Replica& r) { return r.state == state; }));
}

unsigned ReadVote::count_told() const noexcept {
  return static_cast<unsigned>(
      std::count_if(replicas_.begin(), replicas_.end(), [](const Replica& r) { return r.told; }));
}

unsigned ReadVote::count_keepers() const noexcept {
  unsigned keepers = 0;
  for (unsigned i = 0; i < replicas_.size(); ++i) keepers += replicas_[i].told && !holds_less(i) ? 1 : 0;
  return keepers;
}

Verdict ReadVote::verdict() const {
  const unsigned open = count(State::asked);
  if (count_told() < quorum_.read)
    return open > 0 || count(State::idle) > 0 ? Verdict::wait : Verdict::failed;
  if (!quorum_.writes_back || best_.version.none() || count_keepers() >= quorum_.write) return Verdict::done;
  return open > 0 || !to_write_back().empty() ? Verdict::wait : Verdict::failed;
}

std::vector<unsigned> ReadVote::to_write_back() const {
  std::vector<unsigned> behind;
  if (!quorum_.writes_back || best_.version.none() || count_told() < quorum_.read ||
      count_keepers() >= quorum_.write) {
    return behind;
  }
  for (unsigned i = 0; i < replicas_.size(); ++i) {
    if (replicas_[i].state == State::heard && holds_less(i)) behind.push_back(i);
  }
  return behind;
}

bool ReadVote::wants_more() const {
  return count_told() + count(State::asked) < quorum_.read && next_unasked().has_value();
}

std::optional<unsigned> ReadVote::next_unasked() const {
  const auto idle = std::find_if(replicas_.begin(), replicas_.end(),
                                 [](const Replica& replica) { return replica.state == State::idle; });
  if (idle == replicas_.end()) return std::nullopt;
  return static_cast<unsigned>(idle - replicas_.begin());
}

Error ReadVote::why(const std::string& key) const {
  Error worst;
  for (const auto& replica : replicas_) {
    if (replica.state == State::lost && is_worse(replica.why, worst)) worst = replica.why;
  }
  if (is_the_request(worst)) return worst;
  const auto code = worst == Errc::timed_out ? Errc::timed_out : Errc::unavailable;
  const std::string what =
      count_told() < quorum_.read
          ? of(count_told(), quorum_.read) + " nodes that must answer did"
          : of(count_keepers(), quorum_.write) + " nodes that must hold the returned value hold it";
  return {code, "replicated " + key + ": " + what + "; " + worst.context};
}

// ---- WriteVote

void WriteVote::confirmed() {
  TERRACE_ASSERT(waiting_ > 0);
  --waiting_;
  ++confirmed_;
}

void WriteVote::lost(const Error& why) {
  TERRACE_ASSERT(waiting_ > 0);
  --waiting_;
  may_have_arrived_ = may_have_arrived_ || may_have_arrived(why);
  if (is_worse(why, why_)) why_ = why;
}

Verdict WriteVote::verdict() const noexcept {
  if (confirmed_ >= needed_) return Verdict::done;
  if (confirmed_ + waiting_ >= needed_) return Verdict::wait;
  // Whether it was certainly not written is known only at the end.
  const bool maybe_nowhere = confirmed_ == 0 && !may_have_arrived_;
  return waiting_ > 0 && maybe_nowhere ? Verdict::wait : Verdict::failed;
}

Error WriteVote::why(const std::string& key) const {
  const bool nowhere = confirmed_ == 0 && waiting_ == 0 && !may_have_arrived_;
  if (why_ == Errc::shutdown || (nowhere && is_the_request(why_))) return why_;
  return {nowhere ? Errc::unavailable : Errc::effect_unknown,
          "replicated " + key + ": " + of(confirmed_, needed_) + " nodes that must confirm did" +
              (nowhere ? ", nothing was written; " : ", the write may or may not have taken effect; ") +
              why_.context};
}

}  // namespace terrace::distribution
