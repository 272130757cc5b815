/// Explain: asks every level for a key, one after the other, and describes what it has. Nothing is filled or
/// loaded.

#include "cascade/explain.hpp"

namespace terrace::cascade {
namespace {

class ExplainCall : public std::enable_shared_from_this<ExplainCall> {
 public:
  ExplainCall(std::shared_ptr<Core> core, std::string key, std::shared_ptr<Gather<Result<Explanation>>> call)
      : core_(std::move(core)), key_(std::move(key)), call_(std::move(call)) {
    out_.key = key_;
    out_.in_flight = core_->flights.in_flight(key_);
    out_.levels.push_back(core_->values->explain(key_));
  }

  void step() {
    if (out_.levels.size() > core_->levels.size()) return call_->set_outcome(0, std::move(out_));
    Level& level = *core_->levels[out_.levels.size() - 1];
    core_->ask<Found>(
        [&](TimePoint deadline, Handler<Result<Found>> done) {
          level.tier->get(core_->tier_key(key_), deadline, std::move(done));
        },
        [self = shared_from_this(), &level](Result<Found> found) {
          self->out_.levels.push_back(self->describe(level, found));
          self->step();
        });
  }

 private:
  [[nodiscard]] LevelExplanation describe(const Level& level, const Result<Found>& found) const {
    LevelExplanation out{.level = level.name};
    if (!found) {
      out.kind = LookupKind::unavailable;
      out.note = found.error().message();
      return out;
    }
    if (!*found) return out;
    out.bytes = (*found)->size();
    const auto entry = core_->unwrap(key_, **found);
    if (!entry) {
      out.note = "unreadable, " + entry.error().message();
    } else if (!*entry) {
      out.note = "expired";
    } else {
      const Entry& found_entry = (*entry)->entry;
      const TimePoint now = core_->now();
      if (level.narrow) {
        out.note = "of scope " + std::string(to_string(level.tier->scope())) +
                   " beside a level that all share: never a hit";
      }
      out.kind = level.narrow || !found_entry.fresh(now) ? LookupKind::stale
                 : found_entry.value                     ? LookupKind::hit
                                                         : LookupKind::negative;
      out.age = now - found_entry.created;
      const auto ends = found_entry.fresh(now) ? found_entry.fresh_until : found_entry.gone();
      if (ends) out.remaining = *ends - now;
      for (const std::string& tag : (*entry)->tags) {
        out.note += (out.note.empty() ? "tags " : ", ") + printable_key(tag);
      }
    }
    return out;
  }

  std::shared_ptr<Core> core_;
  const std::string key_;  // not out_.key: a call of a tier that is too late may still read it
  std::shared_ptr<Gather<Result<Explanation>>> call_;
  Explanation out_;
};

}  // namespace

void start_explain(std::shared_ptr<Core> core, std::string key, Handler<Result<Explanation>> done) {
  const auto call = core->begin_call<Result<Explanation>>(
      1, std::nullopt, [done = std::move(done)](std::vector<Result<Explanation>> one) mutable {
        done(std::move(one.front()));
      });
  if (auto refused = core->refuse_key(key)) return call->set_outcome(0, *std::move(refused));
  if (call->open()) std::make_shared<ExplainCall>(core, std::move(key), call)->step();
}

}  // namespace terrace::cascade
