#include "redis/single_server.hpp"

namespace terrace::redis {

void SingleServer::submit(std::unique_ptr<Exchange> exchange) {
  if (exchange->reads) return client_->submit(std::move(exchange));
  Courier::send(shared_from_this(), client_, {std::move(exchange)});
}

void SingleServer::submit_again(std::unique_ptr<Exchange> exchange, const Redirect& redirect,
                                const std::shared_ptr<Client>& from) {
  sent_elsewhere({std::move(exchange)}, redirect, from);
}

void SingleServer::sent_elsewhere(Errand errand, const Redirect&, const std::shared_ptr<Client>&) {
  if (errand.hops++ > 0) return errand.end(*std::move(errand.trouble));
  client_->find_primary();
  Courier::send(shared_from_this(), client_, std::move(errand));
}

void SingleServer::failed(Errand errand, const Error& failure, bool, const std::shared_ptr<Client>&) {
  errand.end(failure);
}

}  // namespace terrace::redis
