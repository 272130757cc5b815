#pragma once
/// Quorum: how many nodes must take part, and what the answers of the nodes that hold one key amount to.
/// State machines without I/O; not thread safe.
///
/// After H. Attiya, A. Bar-Noy, D. Dolev, "Sharing Memory Robustly in Message-Passing Systems", JACM 42(1),
/// 1995: a read returns only what enough nodes hold, and sees to that itself where need be, so that no later
/// read returns something older.

#include <cstdint>
#include <optional>
#include <string>
#include <terrace/consistency.hpp>
#include <terrace/versioned_tier.hpp>
#include <vector>

namespace terrace::distribution {

struct Quorum {
  unsigned copies = 0;       ///< N: nodes that hold a key
  unsigned read = 0;         ///< R: of them must answer a read
  unsigned write = 0;        ///< W: of them must confirm a write
  bool writes_back = false;  ///< a read makes sure that W of them hold what it returns
};

/// The quorum of a level; 0 for `read` and `write` means what the level needs. Throws ConfigError, with the
/// arithmetic, when the level's promise would not hold with `may_forget` nodes that forget unnoticed.
Quorum make_quorum(Consistency level, unsigned copies, unsigned read, unsigned write, unsigned may_forget);

/// Of two copies the one that counts: the higher version; of the same version the dead one, for what has
/// expired on one node has expired.
[[nodiscard]] inline bool outranks(const Copy& a, const Copy& b) noexcept {
  return a.version != b.version ? a.version > b.version : !a.value && b.value;
}

enum class Verdict : std::uint8_t { wait, done, failed };

/// The copies of one key, as its nodes tell them. Replicas are numbered from 0 in the order of the key's
/// place on the ring.
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
  /// A read that must make sure has the answers it needs, and these hold less than the best.
  [[nodiscard]] std::vector<unsigned> to_write_back() const;
  /// Somebody more must be asked to come to the answers it needs.
  [[nodiscard]] bool wants_more() const;
  [[nodiscard]] std::optional<unsigned> next_unasked() const;
  /// The replica told a copy that is less than the best.
  [[nodiscard]] bool is_behind(unsigned replica) const noexcept {
    return replicas_[replica].told && holds_less(replica);
  }
  /// Why it failed: what the replicas that are lost said.
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
  /// Of a write that failed: effect_unknown when it may have arrived somewhere.
  [[nodiscard]] Error why(const std::string& key) const;

 private:
  unsigned needed_;
  unsigned waiting_;
  unsigned confirmed_ = 0;
  bool may_have_arrived_ = false;
  Error why_;
};

/// The fault lies with what was asked for, not with a node.
[[nodiscard]] bool is_the_request(const Error& error) noexcept;

/// True when an operation that ended so may have taken effect.
[[nodiscard]] bool may_have_arrived(const Error& error) noexcept;

}  // namespace terrace::distribution
