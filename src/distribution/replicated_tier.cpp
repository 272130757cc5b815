#include "distribution/replicated_tier.hpp"

#include <terrace/glob.hpp>
#include <terrace/replicated_tier.hpp>

#include "base/backoff.hpp"
#include "base/fork.hpp"
#include "base/tier_check.hpp"
#include "distribution/accepted.hpp"
#include "distribution/caretaker.hpp"
#include "distribution/replicated_read.hpp"
#include "distribution/replicated_sharing.hpp"
#include "distribution/replicated_sweep.hpp"
#include "distribution/replicated_write.hpp"

namespace terrace {
namespace {

using namespace distribution;

class ReplicatedTier final : public Tier {
 public:
  ReplicatedTier(ReplicatedOptions options, std::shared_ptr<Scheduler> scheduler, std::uint64_t seed)
      : group_(std::make_shared<ReplicaGroup>(std::move(options), std::move(scheduler), seed)),
        caretaker_(std::make_shared<Caretaker>(group_)) {
    if (group_->is_shared()) sharing_ = std::make_unique<ReplicatedSharing>(group_);
    caretaker_->start();
  }
  ~ReplicatedTier() override { ReplicatedTier::close(); }

  [[nodiscard]] std::string_view name() const noexcept override { return "replicated"; }
  [[nodiscard]] Scope scope() const noexcept override { return group_->scope(); }

  void get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) override {
    get_many({key}, deadline, [done = std::move(done)](std::vector<Result<Found>> one) mutable {
      done(std::move(one.front()));
    });
  }

  void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
           Handler<Result<void>> done) override {
    set_many({{key, value, ttl}}, deadline,
             [done = std::move(done)](const std::vector<Result<void>>& one) mutable { done(one.front()); });
  }

  void erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) override {
    erase_many({key}, deadline,
               [done = std::move(done)](const std::vector<Result<bool>>& one) mutable { done(one.front()); });
  }

  void get_many(std::vector<std::string_view> keys, TimePoint deadline,
                Handler<std::vector<Result<Found>>> done) override {
    Accepted<std::string_view, Found> accepted(keys,
                                               [&](std::string_view key) { return refusal(key, deadline); });
    auto wanted = accepted.items();
    ReplicatedRead::start(group_, wanted, deadline,
                          [group = group_, accepted = std::move(accepted),
                           done = std::move(done)](std::vector<Result<Copy>> copies) mutable {
                            auto outcomes = accepted.merge(std::move(copies),
                                                           [](Copy&& copy) { return std::move(copy.value); });
                            group->counters.count(outcomes);
                            done(std::move(outcomes));
                          });
  }

  void set_many(std::vector<TierWrite> writes, TimePoint deadline,
                Handler<std::vector<Result<void>>> done) override {
    Accepted<TierWrite, void> accepted(writes,
                                       [&](const TierWrite& write) { return refusal(write, deadline); });
    std::vector<Change> changes;
    for (const auto& write : accepted.items())
      changes.push_back({write.key, write.value, write.ttl, write.version});
    ReplicatedWrite::start(group_, changes, deadline,
                           [group = group_, accepted = std::move(accepted),
                            done = std::move(done)](std::vector<Result<bool>> told) mutable {
                             auto outcomes = accepted.merge(std::move(told), [](bool) {});
                             group->counters.count(outcomes);
                             done(std::move(outcomes));
                           });
  }

  void erase_many(std::vector<std::string_view> keys, TimePoint deadline,
                  Handler<std::vector<Result<bool>>> done) override {
    Accepted<std::string_view, bool> accepted(keys,
                                              [&](std::string_view key) { return refusal(key, deadline); });
    std::vector<Change> changes;
    for (const auto key : accepted.items()) changes.push_back({key, std::nullopt});
    ReplicatedWrite::start(group_, changes, deadline,
                           [group = group_, accepted = std::move(accepted),
                            done = std::move(done)](std::vector<Result<bool>> told) mutable {
                             auto outcomes =
                                 accepted.merge(std::move(told), [](bool there) { return there; });
                             group->counters.count(outcomes);
                             done(std::move(outcomes));
                           });
  }

  void erase_prefix(std::string_view prefix, TimePoint deadline,
                    Handler<Result<std::uint64_t>> done) override {
    erase_glob(prefix, "*", deadline, std::move(done));
  }

  void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                  Handler<Result<std::uint64_t>> done) override {
    auto fine = check_glob(pattern);
    if (auto why = group_->refusal(deadline); fine && why) fine = std::move(*why);
    if (!fine) {
      group_->counters.count_write(false);
      return done(fine.error());
    }
    std::make_shared<ReplicatedSweep>(group_, std::string(prefix), std::string(pattern), deadline,
                                      std::move(done))
        ->start();
  }

  [[nodiscard]] SharedTier* shared() noexcept override { return sharing_.get(); }

  [[nodiscard]] bool may_lag() const noexcept override {
    for (std::size_t i = 0; i < group_->size(); ++i) {
      if (group_->node(i).tier->may_lag()) return true;
    }
    return false;
  }

  void close() override {
    if (!home_.here()) return;
    caretaker_->stop();
    group_->close();
    for (std::size_t i = 0; i < group_->size(); ++i) group_->node(i).tier->close();
    group_->end_waits();
  }

  [[nodiscard]] TierStats stats() const override {
    TierStats stats = group_->counters.stats();
    unsigned away = 0;
    for (std::size_t i = 0; i < group_->size(); ++i) away += group_->node(i).reachable ? 0 : 1;
    // This many may be among the nodes of one key.
    const Quorum& quorum = group_->quorum();
    stats.reachable = away <= quorum.copies - std::max(quorum.read, quorum.write);
    return stats;
  }

  [[nodiscard]] ReplicatedStatus status() const {
    ReplicatedStatus status;
    const auto troubles = caretaker_->troubles();
    for (std::size_t i = 0; i < group_->size(); ++i) {
      const auto& node = group_->node(i);
      const std::size_t unanswered =
          node.under_way.size();  // read first: an answer that comes meanwhile is among the hints
      status.nodes.push_back({node.name, node.reachable, node.standing == Standing::member, unanswered,
                              node.hints.size(), node.hints.overflowed(), troubles[i]});
    }
    status.unknown_writes = group_->counters.unknown;
    status.write_backs = group_->counters.write_backs;
    status.repairs = group_->counters.repairs;
    status.corrupt = group_->counters.corrupt;
    return status;
  }

 private:
  [[nodiscard]] std::optional<Error> refusal(std::string_view key, TimePoint deadline) const {
    if (auto why = bad_key(key)) return why;
    return group_->refusal(deadline);
  }
  [[nodiscard]] std::optional<Error> refusal(const TierWrite& write, TimePoint deadline) const {
    if (auto why = bad_key(write.key)) return why;
    if (auto why = bad_ttl(write.ttl)) return why;
    return group_->refusal(deadline);
  }

  const HomeProcess home_;
  const std::shared_ptr<ReplicaGroup> group_;
  const std::shared_ptr<Caretaker> caretaker_;
  std::unique_ptr<ReplicatedSharing> sharing_;
};

}  // namespace

std::shared_ptr<Tier> distribution::make_seeded_tier(ReplicatedOptions options,
                                                     std::shared_ptr<Scheduler> scheduler,
                                                     std::uint64_t seed) {
  if (!scheduler) throw ConfigError("make_replicated_tier: the scheduler is null");
  return make_at_home<ReplicatedTier>(std::move(options), std::move(scheduler), seed);
}

std::shared_ptr<Tier> make_replicated_tier(ReplicatedOptions options, std::shared_ptr<Scheduler> scheduler) {
  return distribution::make_seeded_tier(std::move(options), std::move(scheduler), random_seed());
}

std::optional<ReplicatedStatus> replicated_status(const Tier& tier) {
  const auto* replicated = dynamic_cast<const ReplicatedTier*>(&tier);
  return replicated != nullptr ? std::optional(replicated->status()) : std::nullopt;
}

}  // namespace terrace
