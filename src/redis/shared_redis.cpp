#include "redis/shared_redis.hpp"

#include "base/tier_check.hpp"
#include "redis/scripts.hpp"

namespace terrace::redis {
namespace {

/// Counts what the handler is told as a write.
Handler<Result<bool>> counted(const std::shared_ptr<TierContext>& context, Handler<Result<bool>> done) {
  return [context, done = std::move(done)](Result<bool> stored) mutable {
    if (!stored || *stored) context->counters.count_write(stored.has_value());
    done(std::move(stored));
  };
}

}  // namespace

void Leases::acquire(std::string_view key, const LeaseRequest& request, TimePoint deadline,
                     Handler<Result<LeaseReply>> done) {
  const Duration lease_time = request.lease_time;
  if (auto why = bad_time("lease time", lease_time)) return done(std::move(*why));
  if (auto why = context_->encoding.refusal(key, deadline)) return done(std::move(*why));
  Arguments call(context_->encoding, key);
  call.key_and_lease().token(request.token).part(milliseconds(lease_time));
  if (request.stale.empty()) {
    call.part("").part("");
  } else {
    call.comparison(request.stale);
  }
  if (request.waited_for) {
    call.token(*request.waited_for).part(request.take_over ? "1" : "");
  } else {
    call.part("").part("");
  }
  // The script allows no longer one, but the server is not trusted here.
  const Duration longest = lease_time > longest_life / 2 ? longest_life : 2 * lease_time;
  auto bounded = [context = context_, longest, done = std::move(done)](Result<LeaseReply> reply) mutable {
    if (!reply) ++context->counters.errors;
    if (reply) reply->held_for = std::min(reply->held_for, longest);
    done(std::move(reply));
  };
  ScriptCall<LeaseReply>::start(context_, acquire_script(), std::move(call), deadline, std::move(bounded));
}

void Leases::fill(std::string_view key, const LeaseToken& token, BytesView value, std::optional<Duration> ttl,
                  TimePoint deadline, Handler<Result<bool>> done) {
  done = counted(context_, std::move(done));
  if (auto why = context_->encoding.refusal(TierWrite{key, value, ttl}, deadline))
    return done(std::move(*why));
  Arguments call(context_->encoding, key);
  call.all_keys().token(token).part(value).ttl(ttl);
  ScriptCall<bool>::start(context_, fill_script(), std::move(call), deadline, std::move(done));
}

void Leases::renew(std::string_view key, const LeaseToken& token, Duration lease_time, TimePoint deadline,
                   Handler<Result<bool>> done) {
  if (auto why = bad_time("lease time", lease_time)) return done(std::move(*why));
  if (auto why = context_->encoding.refusal(key, deadline)) return done(std::move(*why));
  Arguments call(context_->encoding, key);
  call.lease_only().token(token).part(milliseconds(lease_time));
  ScriptCall<bool>::start(context_, renew_script(), std::move(call), deadline, std::move(done));
}

void Leases::release(std::string_view key, const LeaseToken& token, LeaseEnd end, TimePoint deadline,
                     Handler<Result<void>> done) {
  if (auto why = context_->encoding.refusal(key, deadline)) return done(std::move(*why));
  Arguments call(context_->encoding, key);
  call.lease_only().token(token).part(end_mark(end)).part(milliseconds(end_life));
  ScriptCall<void>::start(context_, release_script(), std::move(call), deadline, std::move(done));
}

void Leases::get_or_put(std::string_view key, BytesView value, std::optional<Duration> ttl,
                        TimePoint deadline, Handler<Result<Bytes>> done) {
  get_or(get_or_put_script(), key, value, ttl, deadline, std::move(done));
}

void Leases::get_or_prolong(std::string_view key, BytesView value, std::optional<Duration> life,
                            TimePoint deadline, Handler<Result<Bytes>> done) {
  get_or(get_or_prolong_script(), key, value, life, deadline, std::move(done));
}

void Leases::get_or(const Script& script, std::string_view key, BytesView value, std::optional<Duration> ttl,
                    TimePoint deadline, Handler<Result<Bytes>> done) {
  if (auto why = context_->encoding.refusal(TierWrite{key, value, ttl}, deadline))
    return done(std::move(*why));
  Arguments call(context_->encoding, key);
  call.all_keys().part(value).ttl(ttl);
  auto found = [context = context_, put = Bytes(value), done = std::move(done)](Result<Found> there) mutable {
    if (!there || !*there) context->counters.count_write(there.has_value());
    if (!there) return done(std::move(there).error());
    done(*there ? std::move(**there) : std::move(put));
  };
  ScriptCall<Found>::start(context_, script, std::move(call), deadline, std::move(found));
}

void Leases::replace(std::string_view key, BytesView expected, BytesView value, std::optional<Duration> ttl,
                     TimePoint deadline, Handler<Result<bool>> done) {
  done = counted(context_, std::move(done));
  if (auto why = context_->encoding.refusal(TierWrite{key, value, ttl}, deadline))
    return done(std::move(*why));
  Arguments call(context_->encoding, key);
  call.all_keys().comparison(expected).part(value).ttl(ttl);
  ScriptCall<bool>::start(context_, replace_script(), std::move(call), deadline, std::move(done));
}

std::shared_ptr<void> SharedRedis::watch(std::vector<std::string> prefixes,
                                         std::shared_ptr<Watcher> watcher) {
  auto watch = std::make_shared<Watch>(key_prefix_, std::move(prefixes), std::move(watcher));
  tracking_->add(watch);
  Watch* address = watch.get();
  return {address, [watch = std::move(watch)](void*) { watch->end(); }};
}

}  // namespace terrace::redis
