#include "upkeep/webhook.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <terrace/bytes.hpp>

#include "upkeep/http_url.hpp"
#include "upkeep/notice_text.hpp"

namespace terrace {

void WebhookOptions::check() const {
  const auto within = [](bool fine, const char* what) {
    if (!fine) throw ConfigError(std::string("WebhookOptions: ") + what);
  };
  within(timeout > Duration::zero(), "timeout is not above 0; 5 s is usual");
  within(attempts > 0, "attempts is 0: nothing would ever be sent");
  within(backoff > Duration::zero(), "backoff is not above 0; 500 ms is usual");
  within(max_backoff >= backoff, "max_backoff is below backoff");
  within(max_queue > 0, "max_queue is 0: nothing could wait to be sent");
  upkeep::parse_http_url(url);
  for (const auto& [name, value] : headers) {
    constexpr std::string_view token =
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const bool sound = !name.empty() && name.find_first_not_of(token) == std::string::npos;
    if (!sound) throw ConfigError("WebhookOptions: " + printable_key(name) + " is not a valid header name");
    const bool plain =
        std::all_of(value.begin(), value.end(), [](unsigned char c) { return c >= ' ' && c != 0x7f; });
    if (!plain)
      throw ConfigError("WebhookOptions: the value of header " + name + " contains a control character");
  }
}

namespace upkeep {

WebhookOutlet::WebhookOutlet(Terms terms, std::shared_ptr<Post> post, Scheduler& scheduler,
                             std::uint64_t seed)
    : terms_(std::move(terms)),
      post_(std::move(post)),
      scheduler_(scheduler),
      backoff_(terms_.backoff, terms_.max_backoff, seed),
      stats_{.name = terms_.label} {}

void WebhookOutlet::send(const AlertNotice& notice) {
  Lock lock(mutex_);
  if (closed_) return;
  if (queue_.size() - (busy_ ? 1 : 0) >= terms_.max_queue) {
    queue_.erase(queue_.begin() + (busy_ ? 1 : 0));
    ++stats_.dropped;
  }
  queue_.push_back(to_json(notice));
  if (!busy_) next(std::move(lock));
}

void WebhookOutlet::next(Lock lock) {
  busy_ = !closed_ && !queue_.empty();
  attempts_ = 0;
  backoff_.reset();
  if (busy_) attempt(std::move(lock));
}

void WebhookOutlet::attempt(Lock lock) {
  if (closed_) return;
  ++attempts_;
  timer_ = 0;
  std::string body = queue_.front();
  lock.unlock();
  post_->post(std::move(body), [weak = weak_from_this()](const Result<void>& outcome) {
    if (const auto self = weak.lock()) self->answered(outcome);
  });
}

void WebhookOutlet::answered(const Result<void>& outcome) {
  Lock lock(mutex_);
  if (closed_) return;
  if (!outcome) stats_.last_error = outcome.error().context;
  if (!outcome && outcome.error() != Errc::denied && attempts_ < terms_.attempts) {
    timer_ = scheduler_.call_at(after(scheduler_.clock().now(), backoff_.next()), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->attempt(Lock(self->mutex_));
    });
    return;
  }
  ++(outcome ? stats_.sent : stats_.failed);
  const unsigned attempts = attempts_;
  queue_.pop_front();
  next(std::move(lock));
  if (outcome) return;
  spdlog::error("webhook {}: a notification is lost after {} attempts: {}", terms_.label, attempts,
                outcome.error().context);
}

void WebhookOutlet::close() {
  Lock lock(mutex_);
  if (std::exchange(closed_, true)) return;
  stats_.dropped += queue_.size();
  queue_.clear();
  const auto timer = std::exchange(timer_, 0);
  lock.unlock();
  if (timer != 0) scheduler_.cancel(timer);
  post_->close();
}

SinkStats WebhookOutlet::stats() const {
  const Lock lock(mutex_);
  SinkStats out = stats_;
  out.waiting = queue_.size();
  return out;
}

}  // namespace upkeep
}  // namespace terrace
