#include <algorithm>
#include <terrace/sharded_tier.hpp>

#include "base/fork.hpp"
#include "distribution/sharded_calls.hpp"
#include "distribution/sharded_core.hpp"
#include "distribution/sharded_sharing.hpp"

namespace terrace {
namespace {

using namespace distribution;

class Sharded final : public ShardedTier {
 public:
  Sharded(ShardMap map, std::shared_ptr<Scheduler> scheduler)
      : core_(std::make_shared<ShardedCore>(std::move(map), std::move(scheduler))), sharing_(core_) {}
  ~Sharded() override { core_->end(); }

  [[nodiscard]] std::string_view name() const noexcept override { return "sharded"; }
  [[nodiscard]] Scope scope() const noexcept override { return core_->scope(); }

  void get(std::string_view key, TimePoint deadline, Handler<Result<Found>> done) override {
    const MapPtr map = core_->map();
    const Route route = core_->route(*map, key);
    if (one_owner(route)) return map->tier(route.leader).get(key, deadline, std::move(done));
    distribution::get_many(map, {route}, {key}, deadline, only(std::move(done)));
  }

  void set(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
           Handler<Result<void>> done) override {
    const MapPtr map = core_->map();
    const Route route = core_->route(*map, key);
    if (one_owner(route)) return map->tier(route.leader).set(key, value, ttl, deadline, std::move(done));
    distribution::set_many(map, {route}, {{key, value, ttl}}, deadline, only(std::move(done)));
  }

  void erase(std::string_view key, TimePoint deadline, Handler<Result<bool>> done) override {
    const MapPtr map = core_->map();
    const Route route = core_->route(*map, key);
    if (one_owner(route)) return map->tier(route.leader).erase(key, deadline, std::move(done));
    distribution::erase_many(map, {route}, {key}, deadline, only(std::move(done)));
  }

  void get_many(std::vector<std::string_view> keys, TimePoint deadline,
                Handler<std::vector<Result<Found>>> done) override {
    const MapPtr map = core_->map();
    distribution::get_many(map, routes(*map, keys), keys, deadline, std::move(done));
  }

  void set_many(std::vector<TierWrite> writes, TimePoint deadline,
                Handler<std::vector<Result<void>>> done) override {
    const MapPtr map = core_->map();
    distribution::set_many(map, routes(*map, writes), writes, deadline, std::move(done));
  }

  void erase_many(std::vector<std::string_view> keys, TimePoint deadline,
                  Handler<std::vector<Result<bool>>> done) override {
    const MapPtr map = core_->map();
    distribution::erase_many(map, routes(*map, keys), keys, deadline, std::move(done));
  }

  void compare_and_set_many(std::vector<TierSwap> writes, TimePoint deadline,
                            Handler<std::vector<Result<bool>>> done) override {
    const MapPtr map = core_->map();
    distribution::compare_and_set_many(map, routes(*map, writes), writes, deadline, std::move(done));
  }
  [[nodiscard]] bool has_compare_and_set() const noexcept override { return core_->has_compare_and_set(); }

  void erase_prefix(std::string_view prefix, TimePoint deadline,
                    Handler<Result<std::uint64_t>> done) override {
    sweep(
        core_->map(),
        [&](Tier& shard, auto handler) { shard.erase_prefix(prefix, deadline, std::move(handler)); },
        std::move(done));
  }

  void erase_glob(std::string_view prefix, std::string_view pattern, TimePoint deadline,
                  Handler<Result<std::uint64_t>> done) override {
    sweep(
        core_->map(),
        [&](Tier& shard, auto handler) { shard.erase_glob(prefix, pattern, deadline, std::move(handler)); },
        std::move(done));
  }

  [[nodiscard]] SharedTier* shared() noexcept override { return core_->sharing() ? &sharing_ : nullptr; }

  [[nodiscard]] bool may_lag() const noexcept override { return core_->may_lag(); }

  void close() override {
    if (home_.here()) core_->close();
  }

  [[nodiscard]] TierStats stats() const override {
    TierStats all = core_->departed();
    const MapPtr map = core_->map();
    for (const Shard& shard : map->members()) all = sum(all, shard.tier->stats());
    return all;
  }

  void change_shards(std::vector<Shard> next, ShardChange how) override {
    core_->change(std::move(next), how);
  }

  [[nodiscard]] Duration change_left() const override {
    const MapPtr map = core_->map();
    // Until the list is settled the change is under way, even if its time has just passed.
    return map->changing() ? std::max(map->ends() - core_->now(), Duration(1)) : Duration::zero();
  }

  [[nodiscard]] std::vector<ShardStats> shards() const override {
    const MapPtr map = core_->map();
    std::vector<ShardStats> all;
    for (std::size_t i = 0; i < map->members().size(); ++i) {
      all.push_back({map->members()[i].name, map->tier(i).stats(), map->share(i)});
    }
    return all;
  }

  [[nodiscard]] std::string shard_of(std::string_view key) const override {
    const MapPtr map = core_->map();
    const Route route = core_->route(*map, key);
    return route.leader == Route::nowhere ? std::string() : map->members()[route.leader].name;
  }

 private:
  static bool one_owner(const Route& route) noexcept {
    return !route.other && route.leader != Route::nowhere;
  }

  /// Makes a handler of a list of one from a handler of one outcome.
  template <class T>
  static Handler<std::vector<Result<T>>> only(Handler<Result<T>> done) {
    return [done = std::move(done)](std::vector<Result<T>> one) mutable { done(std::move(one.front())); };
  }

  static std::string_view key_of(std::string_view key) noexcept { return key; }
  static std::string_view key_of(const TierWrite& write) noexcept { return write.key; }
  static std::string_view key_of(const TierSwap& write) noexcept { return write.key; }

  template <class Items>
  [[nodiscard]] std::vector<Route> routes(const ShardMap& map, const Items& items) const {
    std::vector<Route> out;
    out.reserve(items.size());
    const TimePoint now = core_->now();
    for (const auto& item : items) out.push_back(map.route(key_of(item), now));
    return out;
  }

  const HomeProcess home_;
  const std::shared_ptr<ShardedCore> core_;
  ShardedSharing sharing_;
};

}  // namespace

std::shared_ptr<ShardedTier> make_sharded_tier(ShardedOptions options, std::shared_ptr<Scheduler> scheduler) {
  if (!scheduler) throw ConfigError("make_sharded_tier: the scheduler is null");
  return make_at_home<Sharded>(ShardMap(std::move(options.shards), std::move(options.owner), options.seed),
                               std::move(scheduler));
}

}  // namespace terrace
