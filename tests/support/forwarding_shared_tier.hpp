#pragma once
/// A SharedTier that passes everything on to another one. A test overrides what is to go wrong.

#include <memory>
#include <string>
#include <terrace/shared_tier.hpp>
#include <utility>
#include <vector>

namespace terrace::testing {

class ForwardingSharedTier : public SharedTier {
 public:
  explicit ForwardingSharedTier(SharedTier& below) : below_(&below) {}

  using SharedTier::acquire;
  using SharedTier::release;
  void acquire(std::string_view key, const LeaseRequest& request, TimePoint deadline,
               Handler<Result<LeaseReply>> done) override {
    below_->acquire(key, request, deadline, std::move(done));
  }
  void fill(std::string_view key, const LeaseToken& token, BytesView value, std::optional<Duration> ttl,
            TimePoint deadline, Handler<Result<bool>> done) override {
    below_->fill(key, token, value, ttl, deadline, std::move(done));
  }
  void renew(std::string_view key, const LeaseToken& token, Duration time, TimePoint deadline,
             Handler<Result<bool>> done) override {
    below_->renew(key, token, time, deadline, std::move(done));
  }
  void release(std::string_view key, const LeaseToken& token, LeaseEnd end, TimePoint deadline,
               Handler<Result<void>> done) override {
    below_->release(key, token, end, deadline, std::move(done));
  }
  void get_or_put(std::string_view key, BytesView value, std::optional<Duration> ttl, TimePoint deadline,
                  Handler<Result<Bytes>> done) override {
    below_->get_or_put(key, value, ttl, deadline, std::move(done));
  }
  void get_or_prolong(std::string_view key, BytesView value, std::optional<Duration> life, TimePoint deadline,
                      Handler<Result<Bytes>> done) override {
    below_->get_or_prolong(key, value, life, deadline, std::move(done));
  }
  void replace(std::string_view key, BytesView expected, BytesView value, std::optional<Duration> ttl,
               TimePoint deadline, Handler<Result<bool>> done) override {
    below_->replace(key, expected, value, ttl, deadline, std::move(done));
  }
  [[nodiscard]] std::shared_ptr<void> watch(std::vector<std::string> prefixes,
                                            std::shared_ptr<Watcher> watcher) override {
    return below_->watch(std::move(prefixes), std::move(watcher));
  }

 private:
  SharedTier* below_;
};

}  // namespace terrace::testing
