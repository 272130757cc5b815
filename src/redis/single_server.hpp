#pragma once
/// SingleServer: the backend of a tier over one server. A write that the server rejects because it has become
/// a replica is sent once more, to its primary.

#include "redis/backend.hpp"

namespace terrace::redis {

class SingleServer final : public Backend,
                           public Courier::Sender,
                           public std::enable_shared_from_this<SingleServer> {
 public:
  explicit SingleServer(std::shared_ptr<Client> client) : client_(std::move(client)) {}

  void submit(std::unique_ptr<Exchange> exchange) override;
  [[nodiscard]] std::shared_ptr<Client> client_of(Slot, bool) override { return client_; }
  [[nodiscard]] bool follows(const Redirect& redirect) const noexcept override {
    return redirect.kind == Redirect::Kind::readonly;
  }
  [[nodiscard]] bool retries(const Exchange&, const Error&) const noexcept override { return false; }
  void submit_again(std::unique_ptr<Exchange> exchange, const Redirect& redirect,
                    const std::shared_ptr<Client>& from) override;
  [[nodiscard]] const std::string& label() const noexcept override { return client_->label(); }

  void sent_elsewhere(Errand errand, const Redirect& redirect, const std::shared_ptr<Client>& from) override;
  void failed(Errand errand, const Error& failure, bool sent, const std::shared_ptr<Client>& from) override;

 private:
  const std::shared_ptr<Client> client_;
};

}  // namespace terrace::redis
