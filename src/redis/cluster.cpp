#include "redis/cluster.hpp"

#include <boost/asio/post.hpp>

#include "redis/server_error.hpp"
#include "redis/split.hpp"

namespace terrace::redis {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

/// The bounds of the wait before trying again: doubled each time, up to the cap.
constexpr Duration first_wait = 2ms;
constexpr Duration longest_wait = 50ms;
/// How long an operation without a deadline tries again.
constexpr Duration longest_patience = 10s;
/// Operations that may wait at the same time.
constexpr std::size_t most_parked = 64 * 1024;
/// Clients of nodes; those of nodes that left stay for a moment.
constexpr std::size_t most_clients = 2 * most_nodes;

Error closed_error() {
  return {Errc::shutdown, "the Redis tier was closed"};
}

}  // namespace

bool Cluster::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

std::shared_ptr<Client> Cluster::client_of(Slot slot, bool reads) {
  const std::lock_guard lock(mutex_);
  return closed_ ? nullptr : pick(slot, reads);
}

bool Cluster::retries(const Exchange& exchange, const Error& failure) const noexcept {
  const bool lost = failure == Errc::unavailable || failure == Errc::io_error || failure == Errc::shutdown;
  return lost && (!exchange.sent || exchange.reads) && !closed();
}

void Cluster::submit(std::unique_ptr<Exchange> exchange) {
  if (home_.here()) return route({std::move(exchange)});
  const Error away = made_before_fork("the Redis cluster tier");
  exchange->on_end(&away);
}

void Cluster::submit_again(std::unique_ptr<Exchange> exchange, const Redirect& redirect,
                           const std::shared_ptr<Client>& from) {
  sent_elsewhere({std::move(exchange)}, redirect, from);
}

void Cluster::submit_after_refresh(std::unique_ptr<Exchange> exchange) {
  asio::post(io_, [self = shared_from_this(), errand = Errand{std::move(exchange)}]() mutable {
    self->await_refresh(std::move(errand), nullptr, /*even_later=*/true);
  });
}

// ---- Errands

void Cluster::route(Errand errand) {
  const bool replica_may = errand.exchange->reads && !errand.primary_only;
  if (auto to = client_of(errand.exchange->slot, replica_may)) {
    return Courier::send(shared_from_this(), to, std::move(errand));
  }
  if (closed()) return errand.end(closed_error());
  asio::post(io_, [self = shared_from_this(), errand = std::move(errand)]() mutable {
    self->hold(std::move(errand));
  });
}

/// The node of the slot is unknown.
void Cluster::hold(Errand errand) {
  bool known = false;
  {
    const std::lock_guard lock(mutex_);
    known = topology_.known();
  }
  if (!known) return await_refresh(std::move(errand), nullptr, false);
  if (refused_host_) return errand.end(*refused_host_);
  errand.trouble = Error(Errc::unavailable, "Redis " + label_ + ": no node serves slot " +
                                                std::to_string(errand.exchange->slot));
  want_refresh(nullptr);
  come_again(std::move(errand));
}

void Cluster::sent_elsewhere(Errand errand, const Redirect& redirect, const std::shared_ptr<Client>& from) {
  if (closed()) return errand.end(closed_error());
  switch (redirect.kind) {
    case Redirect::Kind::moved:
    case Redirect::Kind::ask:
      return go_to(std::move(errand), redirect, from);
    case Redirect::Kind::try_again:
      if (auto singles = split_transaction(shared_from_this(), errand.exchange)) {
        return submit(std::move(singles));
      }
      return come_again(std::move(errand));
    case Redirect::Kind::wait:
      return come_again(std::move(errand));
    case Redirect::Kind::readonly:
    case Redirect::Kind::down:
      errand.primary_only = true;
      want_refresh(nullptr);
      return come_again(std::move(errand));
  }
}

void Cluster::go_to(Errand errand, const Redirect& redirect, const std::shared_ptr<Client>& from) {
  if (++errand.hops > max_hops) {
    return errand.end({Errc::unavailable, "Redis " + label_ + ": slot " + std::to_string(redirect.slot) +
                                              " was sent elsewhere " + std::to_string(max_hops + 1) +
                                              " times; the nodes do not agree which node serves it"});
  }
  const bool asks = redirect.kind == Redirect::Kind::ask;
  Address address = redirect.to;
  if (address.host.empty()) address.host = from->target().host;
  std::shared_ptr<Client> to;
  bool has_room = false;
  if (!allowed_.contain(address.host)) {
    {
      const std::lock_guard lock(mutex_);
      ++counts_.refused_hosts;
    }
    return errand.end(host_not_allowed(from->label(), address.host));
  }
  {
    const std::lock_guard lock(mutex_);
    ++(asks ? counts_.asked : counts_.moved);
    counts_.most_hops = std::max(counts_.most_hops, errand.hops);
    has_room = asks ? nodes_.contains(address) || nodes_.size() < most_clients
                    : topology_.moved(redirect.slot, address);
    if (!closed_ && has_room) to = node(address);
  }
  if (!has_room) {
    want_refresh(nullptr);
    return errand.end({Errc::unavailable, "Redis " + from->label() + " leads to one node more than the " +
                                              std::to_string(most_nodes) + " that a cluster may have"});
  }
  if (!to) return errand.end(closed_error());
  if (!asks) want_refresh(nullptr);
  errand.primary_only = true;
  Courier::send(shared_from_this(), to, std::move(errand), asks);
}

void Cluster::come_again(Errand errand) {
  {
    const std::lock_guard lock(mutex_);
    ++counts_.waits;
  }
  const auto bound = std::min(longest_wait, first_wait * (std::int64_t{1} << std::min(errand.waits++, 10U)));
  std::uniform_int_distribution<Duration::rep> jitter(bound.count() / 2, bound.count());
  park({std::move(errand)}, after(clock_.now(), Duration(jitter(random_))));
}

void Cluster::failed(Errand errand, const Error& failure, bool sent, const std::shared_ptr<Client>& from) {
  if (closed()) return errand.end(closed_error());
  if (!io_.get_executor().running_in_this_thread()) {
    return asio::post(io_, [self = shared_from_this(), errand = std::move(errand), failure, sent,
                            from]() mutable { self->failed(std::move(errand), failure, sent, from); });
  }
  errand.exchange->sent = sent;
  if (retries(*errand.exchange, failure)) {
    errand.trouble = failure;
    if (failure == Errc::shutdown) {
      errand.trouble = Error(Errc::unavailable, "Redis " + from->label() + " left the cluster");
    }
    return lost(std::move(errand), from);
  }
  if (failure == Errc::timed_out || failure == Errc::io_error) want_refresh(from);
  if (failure == Errc::timed_out && errand.trouble) {
    return errand.end({Errc::timed_out, failure.context + "; before that: " + errand.trouble->context});
  }
  if (failure != Errc::shutdown) return errand.end(failure);
  errand.end({Errc::io_error, "Redis " + from->label() + " left the cluster; the effect is unknown"});
}

/// It did not reach a useful node: it goes to another one, if the slot has another node by now.
void Cluster::lost(Errand errand, const std::shared_ptr<Client>& from) {
  errand.primary_only = true;
  if (client_of(errand.exchange->slot, false) == from) return await_refresh(std::move(errand), from, false);
  want_refresh(from);
  if (++errand.hops > max_hops) return errand.end(*std::move(errand.trouble));
  route(std::move(errand));
}

/// It ends with its last error if a refresh ended just now, because another refresh would give the same
/// answer; unless `even_later`.
void Cluster::await_refresh(Errand errand, const std::shared_ptr<Client>& failed_at, bool even_later) {
  const TimePoint now = clock_.now();
  TimePoint begins;
  {
    const std::lock_guard lock(mutex_);
    begins = topology_.want(now);
  }
  if (begins > now && !even_later) {
    const Error trouble = errand.trouble ? *errand.trouble : refresh_error_;
    return errand.end(trouble);
  }
  want_refresh(failed_at);
  park({std::move(errand), true, failed_at}, no_deadline);
}

// ---- Parked errands

void Cluster::park(Parked parked, TimePoint when) {
  Errand& errand = parked.errand;
  if (closed()) return errand.end(closed_error());  // while it was on its way to the I/O thread
  if (parked_.size() >= most_parked) {
    return errand.end({Errc::overloaded, "Redis " + label_ + ": " + std::to_string(most_parked) +
                                             " operations wait for the cluster to be able to serve them"});
  }
  if (errand.patience == no_deadline) {
    errand.patience = std::min(errand.exchange->deadline, after(clock_.now(), longest_patience));
  }
  when = std::min(when, errand.patience);
  parked_.emplace(when, std::move(parked));
  arm(when);
}

void Cluster::unpark_due(TimePoint now) {
  while (!parked_.empty() && parked_.begin()->first <= now) {
    auto first = parked_.extract(parked_.begin());
    Errand errand = std::move(first.mapped().errand);
    if (errand.patience > now) {
      route(std::move(errand));
      continue;
    }
    const std::string why = errand.trouble ? errand.trouble->context : refresh_error_.context;
    errand.end({errand.exchange->deadline <= now ? Errc::timed_out : Errc::unavailable,
                "not served before the deadline; the last was: " + why});
  }
}

void Cluster::unpark_refreshed(bool succeeded) {
  std::vector<Parked> waiting;
  for (auto at = parked_.begin(); at != parked_.end();) {
    const auto next = std::next(at);
    if (at->second.for_refresh) waiting.push_back(std::move(parked_.extract(at).mapped()));
    at = next;
  }
  for (Parked& parked : waiting) {
    Errand& errand = parked.errand;
    const auto to = client_of(errand.exchange->slot, false);
    if (succeeded && (!to || to != parked.failed_at)) {
      route(std::move(errand));
    } else {
      const Error trouble = errand.trouble ? *errand.trouble : refresh_error_;
      errand.end(trouble);
    }
  }
}

void Cluster::shut_down() {
  std::map<Address, Peer> nodes;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
    nodes.swap(nodes_);
  }
  timer_.cancel();
  primaries_changed_ = nullptr;
  watched_.clear();
  for (auto& [address, node] : nodes) node.client->shut_down();
  for (auto& [when, parked] : std::exchange(parked_, {})) parked.errand.end(closed_error());
}

}  // namespace terrace::redis
