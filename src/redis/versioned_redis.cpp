#include "redis/versioned_redis.hpp"

#include <charconv>
#include <chrono>

#include "base/tier_check.hpp"
#include "redis/keys.hpp"
#include "redis/versioned_scripts.hpp"

namespace terrace::redis {
namespace {

std::int64_t number(const Found& field) {
  std::int64_t value = 0;
  if (field) std::from_chars(field->data(), field->data() + field->size(), value);
  return value;
}

/// Fields 0 and 1 of most scripts: the mark, and its remaining time.
Membership membership_of(const Fields& fields, const ServerFacts& server) {
  const auto left = fields[1] ? told_life(*fields[1]) : std::nullopt;
  if (!fields[0] || !left || *left == Duration::zero()) return {};
  const std::string_view mark = *fields[0];
  const auto colon = std::min(mark.find(':'), mark.size() - 1);
  Membership membership{*left, mark.substr(0, colon) == server.run_id};
  std::from_chars(mark.data() + colon + 1, mark.data() + mark.size(), membership.admission);
  return membership;
}

Result<Version> version_of(const Found& field) {
  if (!field) return Version{};
  if (const auto version = parse_version(*field)) return *version;
  return Error(Errc::corrupt, "Redis: the data under ~version: is not a version of terrace");
}

Result<Reading> read_copy(Fields fields, ServerFacts& server) {
  if (fields.size() != 5) return unexpected_reply(server.label);
  Reading reading{membership_of(fields, server), {}};
  const auto version = version_of(fields[2]);
  if (!version) return version.error();
  reading.copy.version = *version;
  reading.copy.value = std::move(fields[3]);
  const auto left = fields[4] ? told_life(*fields[4]) : std::nullopt;
  if (reading.copy.value && left) reading.copy.ttl = std::max<Duration>(*left, std::chrono::milliseconds(1));
  return reading;
}

Result<Written> read_written(Fields fields, ServerFacts& server) {
  if (fields.size() != 4) return unexpected_reply(server.label);
  const auto held = version_of(fields[2]);
  if (!held) return held.error();
  return Written{membership_of(fields, server), *held, number(fields[3]) == 1};
}

Result<Membership> read_membership(Fields fields, ServerFacts& server) {
  if (fields.size() != 3 || !fields[2]) return unexpected_reply(server.label);
  server.learn_memory(*fields[2]);
  if (server.unfit) return *server.unfit;
  return membership_of(fields, server);
}

/// ScanPage::next is the run of the server, and SCAN's cursor. A key without a readable version is left out,
/// because one damaged key would hide all others; a read of it reports the damage.
Result<ScanPage> read_page(Fields fields, ServerFacts& server) {
  if (fields.size() % 2 != 1 || !fields[0]) return unexpected_reply(server.label);
  ScanPage page;
  page.next = server.run_id + ":" + *fields[0];
  for (std::size_t i = 1; i < fields.size(); i += 2) {
    const auto version = version_of(fields[i + 1]);
    if (version && fields[i]) page.keys.emplace_back(std::move(*fields[i]), *version);
  }
  return page;
}

Result<bool> read_bool(Fields fields, ServerFacts& server) {
  if (fields.size() != 1) return unexpected_reply(server.label);
  return number(fields[0]) == 1;
}

/// A cursor, or nothing.
Result<Found> read_cursor(Fields fields, ServerFacts& server) {
  if (fields.size() != 1) return unexpected_reply(server.label);
  return std::move(fields[0]);
}

Duration together(Duration a, Duration b) {
  return b > Duration::max() - a ? Duration::max() : a + b;
}

}  // namespace

VersionedRedis::VersionedRedis(std::shared_ptr<TierContext> context, std::shared_ptr<Client> client)
    : context_(std::move(context)),
      client_(std::move(client)),
      mark_(std::string(member_head) + context_->encoding.key_prefix() + std::string(companion_tail)),
      charge_(std::string(charge_head) + context_->encoding.key_prefix() + std::string(companion_tail)),
      pattern_(literally(std::string(version_head) + context_->encoding.key_prefix()) + "*" +
               std::string(companion_tail)) {}

/// One call.
template <class T>
void VersionedRedis::ask(const Script& script, Arguments arguments, TimePoint deadline,
                         typename ScriptCalls<T>::Read read, Handler<Result<T>> done) {
  if (auto why = context_->encoding.refusal(deadline)) return done(std::move(*why));
  auto one = std::make_shared<ScriptCalls<T>>(
      client_, script, 1, deadline, read,
      [done = std::move(done)](std::vector<Result<T>> outcomes) mutable { done(std::move(outcomes[0])); });
  one->add(0, std::move(arguments));
  one->start();
}

// ---- Copies

template <class T>
void VersionedRedis::for_each(const std::vector<std::string_view>& keys, const Script& script,
                              std::string_view argument, TimePoint deadline,
                              typename ScriptCalls<T>::Read read, Handler<std::vector<Result<T>>> done) {
  auto calls =
      std::make_shared<ScriptCalls<T>>(client_, script, keys.size(), deadline, read, std::move(done));
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (auto why = context_->encoding.refusal(keys[i], deadline)) {
      calls->refuse(i, std::move(*why));
      continue;
    }
    Arguments call(context_->encoding, keys[i]);
    call.copy_keys(mark_).part(argument);
    calls->add(i, std::move(call));
  }
  calls->start();
}

void VersionedRedis::read_many(std::vector<std::string_view> keys, TimePoint deadline,
                               Handler<std::vector<Result<Reading>>> done) {
  auto counted = [context = context_, done = std::move(done)](std::vector<Result<Reading>> readings) mutable {
    TierStats all;
    for (const auto& one : readings) ++(!one ? all.errors : one->copy.value ? all.hits : all.misses);
    context->counters.add(all);
    done(std::move(readings));
  };
  for_each<Reading>(keys, read_copy_script(), std::to_string(context_->options.max_value_bytes), deadline,
                    read_copy, std::move(counted));
}

void VersionedRedis::versions_many(std::vector<std::string_view> keys, TimePoint deadline,
                                   Handler<std::vector<Result<Written>>> done) {
  for_each<Written>(keys, read_version_script(), "", deadline, read_written, std::move(done));
}

namespace {

std::optional<Error> refusal(const Encoding& encoding, const VersionedWrite& write, Duration retention,
                             TimePoint deadline) {
  if (write.version.none() || write.version.counter > Version::highest_counter) {
    return Error(Errc::invalid_argument, "the version of a write is none, or above the highest possible");
  }
  if (auto why = bad_time("retention", retention)) return why;
  return encoding.refusal(TierWrite{write.key, write.value.value_or(BytesView()), write.ttl}, deadline);
}

Arguments write_call(const Encoding& encoding, const VersionedWrite& write, Duration retention,
                     std::string_view mark) {
  Arguments call(encoding, write.key);
  call.copy_keys(mark).part(version_text(write.version));
  if (!write.value) {
    call.ttl(retention);
  } else if (write.ttl) {
    call.ttl(together(*write.ttl, retention)).part(*write.value).ttl(write.ttl);
  } else {
    call.part("").part(*write.value).part("");
  }
  return call;
}

}  // namespace

void VersionedRedis::write_many(std::vector<VersionedWrite> writes, Duration retention, TimePoint deadline,
                                Handler<std::vector<Result<Written>>> done) {
  auto counted = [context = context_, done = std::move(done)](std::vector<Result<Written>> outcomes) mutable {
    for (const auto& one : outcomes) context->counters.count_write(one.has_value());
    done(std::move(outcomes));
  };
  auto calls = std::make_shared<ScriptCalls<Written>>(client_, write_copy_script(), writes.size(), deadline,
                                                      read_written, std::move(counted));
  for (std::size_t i = 0; i < writes.size(); ++i) {
    if (auto why = refusal(context_->encoding, writes[i], retention, deadline)) {
      calls->refuse(i, std::move(*why));
    } else {
      calls->add(i, write_call(context_->encoding, writes[i], retention, mark_));
    }
  }
  calls->start();
}

void VersionedRedis::scan(std::string_view from, TimePoint deadline, Handler<Result<ScanPage>> done) {
  const auto colon = from.find(':');
  if (!from.empty() && colon == std::string_view::npos) {
    return done(Error(Errc::invalid_argument, "scan: `from` is no ScanPage::next"));
  }
  const std::string run(from.substr(0, from.empty() ? 0 : colon));
  Arguments arguments = call();
  arguments.part("0")
      .part(from.empty() ? "0" : from.substr(colon + 1))
      .part(pattern_)
      .part(std::to_string(version_head.size() + context_->encoding.key_prefix().size()));
  auto paged = [run, done = std::move(done)](Result<ScanPage> page) mutable {
    if (!page) return done(std::move(page));
    const auto end = page->next.find(':');
    if (!run.empty() && page->next.substr(0, end) != run) {
      return done(Error(Errc::unavailable, "the Redis server has restarted since the scan began"));
    }
    if (page->next.substr(end + 1) == "0") page->next.clear();
    done(std::move(page));
  };
  ask<ScanPage>(scan_script(), std::move(arguments), deadline, read_page, std::move(paged));
}

// ---- Membership and maintenance

/// Asks again whether the server may evict, so that a policy changed while it runs is noticed by this call
/// and affects all later ones.
void VersionedRedis::membership(TimePoint deadline, Handler<Result<Membership>> done) {
  if (auto why = context_->encoding.refusal(deadline)) return done(std::move(*why));
  auto one = std::make_shared<ScriptCalls<Membership>>(
      client_, membership_script(), 1, deadline, read_membership,
      [done = std::move(done)](std::vector<Result<Membership>> told) mutable { done(std::move(told[0])); });
  Arguments arguments = call();
  arguments.part("1").part(mark_);
  one->add(0, std::move(arguments));
  one->to_any_server();
  one->start();
}

void VersionedRedis::pledge(const Script& script, Arguments arguments, std::uint64_t token, Duration time,
                            TimePoint deadline, Handler<Result<bool>> done) {
  if (auto why = bad_time("time", time)) return done(std::move(*why));
  arguments.part(std::to_string(token)).ttl(time);
  ask<bool>(script, std::move(arguments), deadline, read_bool, std::move(done));
}

void VersionedRedis::take_charge(std::uint64_t token, Duration time, TimePoint deadline,
                                 Handler<Result<bool>> done) {
  Arguments arguments = call();
  arguments.part("1").part(charge_);
  pledge(take_charge_script(), std::move(arguments), token, time, deadline, std::move(done));
}

void VersionedRedis::keep_charge(std::uint64_t token, Duration time, TimePoint deadline,
                                 Handler<Result<bool>> done) {
  Arguments arguments = call();
  arguments.part("1").part(charge_);
  pledge(keep_charge_script(), std::move(arguments), token, time, deadline, std::move(done));
}

void VersionedRedis::admit(std::uint64_t token, Duration time, TimePoint deadline,
                           Handler<Result<bool>> done) {
  Arguments arguments = call();
  arguments.part("2").part(charge_).part(mark_);
  pledge(admit_script(), std::move(arguments), token, time, deadline, std::move(done));
}

namespace {

/// A purge in progress. Each step checks the charge, so a restart ends the purge.
struct Purge : std::enable_shared_from_this<Purge> {
  std::shared_ptr<TierContext> context;
  std::shared_ptr<Client> client;
  std::string charge, mark, pattern, token;
  TimePoint deadline;
  Handler<Result<bool>> done;

  void step(std::string_view cursor) {
    const std::string& prefix = context->encoding.key_prefix();
    auto one = std::make_shared<ScriptCalls<Found>>(
        client, purge_script(), 1, deadline, read_cursor,
        [self = shared_from_this()](std::vector<Result<Found>> next) { self->stepped(next[0]); });
    Arguments call(context->encoding, prefix);
    call.part("2").part(charge).part(mark).part(token).part(cursor).part(pattern);
    call.part(version_head).part(lease_head);
    one->add(0, std::move(call));
    one->start();
  }

  void stepped(const Result<Found>& next) {
    if (!next) return done(next.error());
    if (!*next) return done(false);
    if (**next == "0") return done(true);
    step(**next);
  }
};

}  // namespace

void VersionedRedis::purge(std::uint64_t token, TimePoint deadline, Handler<Result<bool>> done) {
  if (auto why = context_->encoding.refusal(deadline)) return done(std::move(*why));
  auto purge = std::make_shared<Purge>();
  purge->context = context_;
  purge->client = client_;
  purge->charge = charge_;
  purge->mark = mark_;
  purge->pattern = pattern_;
  purge->token = std::to_string(token);
  purge->deadline = deadline;
  purge->done = std::move(done);
  purge->step("0");
}

}  // namespace terrace::redis
