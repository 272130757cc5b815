#pragma once
/// VersionedRedis: the Redis tier as a node of a replicated tier. keys.hpp lists the keys that the server
/// keeps for it. Thread safe.
///
/// A mark of membership names the run of the server for which it was set. The connection learned the present
/// run id when it was made, and so shows whether the server is still in that run.

#include <terrace/versioned_tier.hpp>

#include "redis/script_calls.hpp"

namespace terrace::redis {

class VersionedRedis final : public VersionedTier {
 public:
  VersionedRedis(std::shared_ptr<TierContext> context, std::shared_ptr<Client> client);

  void read_many(std::vector<std::string_view> keys, TimePoint deadline,
                 Handler<std::vector<Result<Reading>>> done) override;
  void versions_many(std::vector<std::string_view> keys, TimePoint deadline,
                     Handler<std::vector<Result<Written>>> done) override;
  void write_many(std::vector<VersionedWrite> writes, Duration retention, TimePoint deadline,
                  Handler<std::vector<Result<Written>>> done) override;
  void scan(std::string_view from, TimePoint deadline, Handler<Result<ScanPage>> done) override;
  void membership(TimePoint deadline, Handler<Result<Membership>> done) override;
  void take_charge(std::uint64_t token, Duration time, TimePoint deadline,
                   Handler<Result<bool>> done) override;
  void keep_charge(std::uint64_t token, Duration time, TimePoint deadline,
                   Handler<Result<bool>> done) override;
  void purge(std::uint64_t token, TimePoint deadline, Handler<Result<bool>> done) override;
  void admit(std::uint64_t token, Duration time, TimePoint deadline, Handler<Result<bool>> done) override;

 private:
  [[nodiscard]] Arguments call() const { return {context_->encoding, {}}; }
  template <class T>
  void for_each(const std::vector<std::string_view>& keys, const Script& script, std::string_view argument,
                TimePoint deadline, typename ScriptCalls<T>::Read read, Handler<std::vector<Result<T>>> done);
  template <class T>
  void ask(const Script& script, Arguments arguments, TimePoint deadline, typename ScriptCalls<T>::Read read,
           Handler<Result<T>> done);
  void pledge(const Script& script, Arguments arguments, std::uint64_t token, Duration time,
              TimePoint deadline, Handler<Result<bool>> done);

  const std::shared_ptr<TierContext> context_;
  const std::shared_ptr<Client> client_;
  const std::string mark_;     // the key of the mark
  const std::string charge_;   // the key of the charge
  const std::string pattern_;  // of the version keys
};

}  // namespace terrace::redis
