#pragma once
/// Quorum: how many nodes must take part, and what the answers of a key's nodes mean together. State machines
/// without I/O; not thread safe.
///
/// After H. Attiya, A. Bar-Noy, D. Dolev, "Sharing Memory Robustly in Message-Passing Systems", JACM 42(1),
/// 1995: a read returns only a value that enough nodes hold, and if necessary writes it to them itself, so
/// that no later read returns an older one.

#include <cstdint>
#include <optional>
#include <string>
#include <terrace/consistency.hpp>
#include <terrace/versioned_tier.hpp>
#include <vector>

namespace terrace::distribution {

struct Quorum {
  unsigned copies = 0;       ///< N: nodes that hold a key
  unsigned read = 0;         ///< R: number of nodes that must answer a read
  unsigned write = 0;        ///< W: number of nodes that must confirm a write
  bool writes_back = false;  ///< a read makes sure that W nodes hold its result
};

/// The quorum of a level; 0 for `read` and `write` means the number that the level needs. Throws ConfigError,
/// with the calculation, if the level's promise would not hold with `may_forget` nodes that lose data
/// unnoticed.
Quorum make_quorum(Consistency level, unsigned copies, unsigned read, unsigned write, unsigned may_forget);

/// The copy that counts of two: the one with the higher version; with equal versions the dead one, because a
/// value that has expired on one node has expired.
[[nodiscard]] inline bool outranks(const Copy& a, const Copy& b) noexcept {
  return a.version != b.version ? a.version > b.version : !a.value && b.value;
}

enum class Verdict : std::uint8_t { wait, done, failed };

/// The copies of one key, as its nodes report them. Replicas are numbered from 0 in the order of the key's
/// nodes on the ring.
class ReadVote {
 public:
  explicit ReadVote(const Quorum& quorum) : quorum_(quorum), replicas_(quorum.copies) {}

  void asked(unsigned replica);
  /// The copy of a member. (A node that is none is lost to the vote.)
  void heard(unsigned replica, Copy copy);
  void lost(unsigned replica, const Error& why);

  void written_back(unsigned replica);
  /// The answer to a write-back: the replica holds this version or a higher one.
  void confirmed(unsigned replica, Version held);

  [[nodiscard]] Verdict verdict() const;
  /// The best copy so far.
  [[nodiscard]] const Copy& best() const noexcept { return best_; }
  [[nodiscard]] Copy take_best() noexcept { return std::move(best_); }
  /// For a read that must write back: it has enough answers, and these replicas hold less than the best copy.
  [[nodiscard]] std::vector<unsigned> to_write_back() const;
  /// True: another node must be asked to get enough answers.
  [[nodiscard]] bool wants_more() const;
  [[nodiscard]] std::optional<unsigned> next_unasked() const;
  /// The replica reported a copy lower than the best.
  [[nodiscard]] bool is_behind(unsigned replica) const noexcept {
    return replicas_[replica].told && holds_less(replica);
  }
  /// The reason of the failure: the errors of the replicas that did not answer.
  [[nodiscard]] Error why(const std::string& key) const;

 private:
  enum class State : std::uint8_t { idle, asked, heard, lost };
  void answered(unsigned replica, State state);
  struct Replica {
    State state = State::idle;
    bool told = false;  ///< its copy is known
    bool dead = false;
    Version held = {};
    Error why = {};
  };
  [[nodiscard]] bool holds_less(unsigned replica) const noexcept;
  [[nodiscard]] unsigned count_told() const noexcept;
  [[nodiscard]] unsigned count_keepers() const noexcept;
  [[nodiscard]] unsigned count(State state) const noexcept;

  Quorum quorum_;
  std::vector<Replica> replicas_;
  Copy best_;
};

/// The confirmations of one write.
class WriteVote {
 public:
  explicit WriteVote(const Quorum& quorum) : needed_(quorum.write), waiting_(quorum.copies) {}

  void confirmed();
  void lost(const Error& why);

  [[nodiscard]] Verdict verdict() const noexcept;
  /// For a failed write: effect_unknown if it may have arrived somewhere.
  [[nodiscard]] Error why(const std::string& key) const;

 private:
  unsigned needed_;
  unsigned waiting_;
  unsigned confirmed_ = 0;
  bool may_have_arrived_ = false;
  Error why_;
};

/// The request itself is wrong, not a node.
[[nodiscard]] bool is_the_request(const Error& error) noexcept;

/// True if an operation that ended with this error may have taken effect.
[[nodiscard]] bool may_have_arrived(const Error& error) noexcept;

}  // namespace terrace::distribution
