#include "redis/backend_tier.hpp"

#include <atomic>
#include <terrace/glob.hpp>

#include "redis/allowed_hosts.hpp"
#include "redis/bulk.hpp"
#include "redis/scripts.hpp"
#include "redis/slots.hpp"
#include "redis/versioned_scripts.hpp"

namespace terrace::redis {
namespace {

constexpr std::size_t redis_value_limit = std::size_t{512} << 20;

}  // namespace

void check_options(const RedisOptions& options) {
  const auto refuse = [](const std::string& why) { throw ConfigError("RedisOptions::" + why); };
  if (options.connect_timeout <= Duration::zero()) refuse("connect_timeout must be more than 0");
  if (options.open_time <= Duration::zero()) refuse("open_time must be more than 0");
  if (options.reconnect_cap <= Duration::zero()) refuse("reconnect_cap must be more than 0");
  if (options.failures_to_open == 0) refuse("failures_to_open is 0; give 1 or more");
  if (options.max_value_bytes == 0 || options.max_value_bytes > redis_value_limit) {
    refuse("max_value_bytes is " + std::to_string(options.max_value_bytes) + "; give 1 to 536870912");
  }
  if (options.key_prefix.size() > max_key_size) {
    refuse("key_prefix has " + std::to_string(options.key_prefix.size()) + " bytes; at most " +
           std::to_string(max_key_size));
  }
  try {
    static_cast<void>(AllowedHosts({}, options.allowed_hosts));
  } catch (const ConfigError& wrong) {
    refuse(wrong.what());
  }
  if (is_reserved(options.key_prefix)) {
    refuse("key_prefix begins with " + std::string(reserved_text) + "; use another");
  }
  if (options.cert_file.empty() != options.key_file.empty()) {
    refuse("only one of cert_file and key_file is set; set both");
  }
}

void make_what_is_kept() {
  const NoForkMeanwhile whole;
  static_cast<void>(tag_of(0));
  for (const auto script :
       {acquire_script, fill_script, renew_script, release_script, get_or_put_script, get_or_prolong_script,
        replace_script, compare_and_set_script, versioned_set_script, read_copy_script, read_version_script,
        write_copy_script, scan_script, membership_script, take_charge_script, keep_charge_script,
        purge_script, admit_script}) {
    static_cast<void>(script());
  }
}

template <class T>
void BackendTier::refuse(Error why, Handler<Result<T>>& done) {
  const Result<T> outcome = std::move(why);
  context_->counters.count(outcome);
  done(outcome);
}

template <class T>
void BackendTier::submit(std::string_view key, std::unique_ptr<Single<T>> exchange, TimePoint deadline) {
  exchange->slot = encoding().slot(key);
  exchange->deadline = deadline;
  context_->backend->submit(std::move(exchange));
}

void BackendTier::get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) {
  if (auto why = encoding().refusal(key, deadline)) return refuse<Found>(std::move(*why), done);
  auto exchange = std::make_unique<Single<Found>>(context_, 1, std::move(done));
  encoding().get(exchange->payload, key);
  exchange->reads = true;
  submit(key, std::move(exchange), deadline);
}

void BackendTier::set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
                      Handler<Result<void>> done) {
  const TierWrite write{key, value, ttl};
  if (auto why = encoding().refusal(write, deadline)) return refuse<void>(std::move(*why), done);
  auto exchange = std::make_unique<Single<void>>(context_, Encoding::set_commands, std::move(done));
  encoding().set(exchange->payload, write);
  submit(key, std::move(exchange), deadline);
}

void BackendTier::erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) {
  if (auto why = encoding().refusal(key, deadline)) return refuse<bool>(std::move(*why), done);
  auto exchange = std::make_unique<Single<bool>>(context_, encoding().erase_commands(), std::move(done));
  encoding().erase(exchange->payload, key);
  submit(key, std::move(exchange), deadline);
}

template <class T, class Item, class Encode>
void BackendTier::many(const std::vector<Item>& items, TimePoint deadline,
                       Handler<std::vector<Result<T>>> done, Encode encode) {
  constexpr bool reads = std::is_same_v<T, Found>;
  auto bulk = std::make_shared<Bulk<T>>(context_, items.size(), deadline, reads, std::move(done));
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (auto why = encoding().refusal(items[i], deadline)) {
      bulk->refuse(i, std::move(*why));
    } else {
      encode(*bulk, i, items[i]);
    }
  }
  bulk->start();
}

void BackendTier::get_many(std::vector<std::string_view> keys, TimePoint deadline,
                           Handler<std::vector<Result<Found>>> done) {
  many<Found>(keys, deadline, std::move(done), [this](auto& bulk, std::size_t i, std::string_view key) {
    encoding().get(bulk.add(i, 1, encoding().slot(key)), key);
  });
}

void BackendTier::set_many(std::vector<TierWrite> writes, TimePoint deadline,
                           Handler<std::vector<Result<void>>> done) {
  many<void>(writes, deadline, std::move(done),
             [this, known = false](auto& bulk, std::size_t i, const TierWrite& write) mutable {
               const Slot slot = encoding().slot(write.key);
               if (write.version == 0) {
                 return encoding().set(bulk.add(i, Encoding::set_commands, slot), write);
               }
               encode_versioned_set(bulk.add(i, 1, slot), encoding(), write, std::exchange(known, true));
             });
}

void BackendTier::erase_many(std::vector<std::string_view> keys, TimePoint deadline,
                             Handler<std::vector<Result<bool>>> done) {
  many<bool>(keys, deadline, std::move(done), [this](auto& bulk, std::size_t i, std::string_view key) {
    encoding().erase(bulk.add(i, encoding().erase_commands(), encoding().slot(key)), key);
  });
}

namespace {

/// The outcomes of compare_and_set_many, until the last one has come.
struct Swaps {
  Swaps(std::shared_ptr<TierContext> of, std::size_t count, Handler<std::vector<Result<bool>>> told)
      : context(std::move(of)), outcomes(count), left(count), done(std::move(told)) {}

  void took(std::size_t i, Result<bool> outcome) {
    outcomes[i] = std::move(outcome);
    if (--left != 0) return;
    context->counters.count_swaps(outcomes);
    done(std::move(outcomes));
  }

  const std::shared_ptr<TierContext> context;
  std::vector<Result<bool>> outcomes;
  std::atomic<std::size_t> left;
  Handler<std::vector<Result<bool>>> done;
};

}  // namespace

void BackendTier::compare_and_set_many(std::vector<TierSwap> writes, TimePoint deadline,
                                       Handler<std::vector<Result<bool>>> done) {
  if (writes.empty()) return done({});
  const auto swaps = std::make_shared<Swaps>(context_, writes.size(), std::move(done));
  for (std::size_t i = 0; i < writes.size(); ++i) {
    const TierSwap& write = writes[i];
    if (auto why = encoding().refusal(TierWrite{write.key, write.value, write.ttl}, deadline)) {
      swaps->took(i, std::move(*why));
      continue;
    }
    Arguments call(encoding(), write.key);
    call.all_keys().part(write.expected ? "1" : "").part(write.expected.value_or(BytesView()));
    call.part(write.value).ttl(write.ttl);
    ScriptCall<bool>::start(context_, compare_and_set_script(), std::move(call), deadline,
                            [swaps, i](Result<bool> outcome) { swaps->took(i, std::move(outcome)); });
  }
}

void BackendTier::erase_prefix(std::string_view prefix, TimePoint deadline,
                               Handler<Result<std::uint64_t>> done) {
  erase_glob(prefix, "*", deadline, std::move(done));
}

void BackendTier::erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                             Handler<Result<std::uint64_t>> done) {
  auto fine = check_glob(pattern);
  if (auto why = encoding().refusal(deadline); fine && why) fine = std::move(*why);
  if (!fine) {
    context_->counters.count_write(false);
    return done(fine.error());
  }
  sweep(std::string(prefix), std::string(pattern), deadline,
        [context = context_, done = std::move(done)](Result<Swept> swept) mutable {
          const Result<std::uint64_t> removed =
              swept ? Result<std::uint64_t>(swept->removed) : std::move(swept).error();
          context->counters.count_sweep(removed);
          done(removed);
        });
}

void BackendTier::close() {
  if (!home_.here()) return;
  auto end = ending();
  if (scheduler_->on_io_thread()) return end();
  // The latch is shared: the thread that opens it may still be inside open() when this caller continues.
  auto closed = std::make_shared<Latch>();
  scheduler_->post([end = std::move(end), closed] {
    end();
    closed->open();
  });
  scheduler_->wait(*closed, no_deadline);
}

TierStats BackendTier::stats() const {
  return context_->counters.stats();
}

}  // namespace terrace::redis
