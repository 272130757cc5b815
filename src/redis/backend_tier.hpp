#pragma once
/// BackendTier: a Tier over a backend, except the operations on all keys at once. Thread safe.

#include "base/fork.hpp"
#include "redis/commands.hpp"

namespace terrace::redis {

/// Throws ConfigError for options that no tier over Redis can work with; the URL is not checked.
void check_options(const RedisOptions& options);

/// Makes the data that tiers over Redis make once and keep: the tags of the slots, the scripts. A fork during
/// a first use would leave the child waiting for a thread that does not exist there. So forks are delayed
/// meanwhile, and every tier begins with this call.
void make_what_is_kept();

class BackendTier : public Tier {
 public:
  [[nodiscard]] Scope scope() const noexcept override { return Scope::fleet; }
  void get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) override;
  void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
           Handler<Result<void>> done) override;
  void erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) override;
  void get_many(std::vector<std::string_view> keys, TimePoint deadline,
                Handler<std::vector<Result<Found>>> done) override;
  void set_many(std::vector<TierWrite> writes, TimePoint deadline,
                Handler<std::vector<Result<void>>> done) override;
  void erase_many(std::vector<std::string_view> keys, TimePoint deadline,
                  Handler<std::vector<Result<bool>>> done) override;
  void compare_and_set_many(std::vector<TierSwap> writes, TimePoint deadline,
                            Handler<std::vector<Result<bool>>> done) override;
  [[nodiscard]] bool has_compare_and_set() const noexcept override { return true; }
  void erase_prefix(std::string_view prefix, TimePoint deadline,
                    Handler<Result<std::uint64_t>> done) override;
  void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                  Handler<Result<std::uint64_t>> done) override;
  void close() override;
  [[nodiscard]] TierStats stats() const override;

 protected:
  BackendTier(std::shared_ptr<Scheduler> scheduler, std::shared_ptr<TierContext> context)
      : scheduler_(std::move(scheduler)), context_(std::move(context)) {
    make_what_is_kept();
  }

  /// Erases the keys; the arguments are checked already.
  virtual void sweep(std::string prefix, std::string pattern, TimePoint deadline,
                     Handler<Result<Swept>> done) = 0;
  /// Returns the function that ends everything, on the I/O thread; it may outlive the tier.
  [[nodiscard]] virtual std::function<void()> ending() const = 0;

  const HomeProcess home_;
  const std::shared_ptr<Scheduler> scheduler_;
  const std::shared_ptr<TierContext> context_;

 private:
  [[nodiscard]] const Encoding& encoding() const noexcept { return context_->encoding; }
  template <class T>
  void refuse(Error why, Handler<Result<T>>& done);
  template <class T>
  void submit(std::string_view key, std::unique_ptr<Single<T>> exchange, TimePoint deadline);
  template <class T, class Item, class Encode>
  void many(const std::vector<Item>& items, TimePoint deadline, Handler<std::vector<Result<T>>> done,
            Encode encode);
};

}  // namespace terrace::redis
