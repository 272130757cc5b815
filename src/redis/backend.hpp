#pragma once
/// Backend: who takes the exchanges of a tier: one server, or a cluster of them. Courier: carries an exchange
/// to a server and brings it back when the server sends it elsewhere. Thread safe, but for Courier.

#include <memory>
#include <optional>
#include <string>

#include "redis/client.hpp"
#include "redis/redirect.hpp"

namespace terrace::redis {

class Backend {
 public:
  virtual ~Backend() = default;

  /// Takes it to the server its slot belongs to, and on from there as often as that is needed. The exchange
  /// ends on the I/O thread, or inside this call after the end.
  virtual void submit(std::unique_ptr<Exchange> exchange) = 0;

  // For bulks, whose exchanges are about keys of many slots: they go to a client themselves, and what that
  // sends elsewhere is submitted one by one.

  /// The client for a key; null: not known now, submit() waits for it.
  [[nodiscard]] virtual std::shared_ptr<Client> client_of(Slot slot, bool reads) = 0;
  /// Whether submit_again() should be called for a key with this reply.
  [[nodiscard]] virtual bool follows(const Redirect& redirect) const noexcept = 0;
  /// Whether the keys of an exchange that this failure ended should be submitted once more.
  [[nodiscard]] virtual bool retries(const Exchange& exchange, const Error& failure) const noexcept = 0;
  virtual void submit_again(std::unique_ptr<Exchange> exchange, const Redirect& redirect,
                            const std::shared_ptr<Client>& from) = 0;

  /// The server or servers, for messages.
  [[nodiscard]] virtual const std::string& label() const noexcept = 0;
};

/// An exchange on its way, and what it has met.
struct Errand {
  std::unique_ptr<Exchange> exchange;
  unsigned hops = 0;          ///< servers that sent it elsewhere
  unsigned waits = 0;         ///< times it was told to come again
  bool primary_only = false;  ///< a replica was of no help
  TimePoint patience = no_deadline;
  std::optional<Error> trouble = {};  ///< the last it met

  void end(const Error& failure) { exchange->on_end(&failure); }
};

/// One way to one server.
class Courier final : public Exchange {
 public:
  /// What it tells; on the I/O thread or inside Client::submit.
  class Sender {
   public:
    [[nodiscard]] virtual bool follows(const Redirect& redirect) const noexcept = 0;
    virtual void sent_elsewhere(Errand errand, const Redirect& redirect,
                                const std::shared_ptr<Client>& from) = 0;
    /// `sent`: it may have taken effect.
    virtual void failed(Errand errand, const Error& failure, bool sent,
                        const std::shared_ptr<Client>& from) = 0;

   protected:
    ~Sender() = default;
  };

  /// `asking`: with ASKING before each command, or before the transaction.
  static void send(std::shared_ptr<Sender> sender, const std::shared_ptr<Client>& to, Errand errand,
                   bool asking = false);

  void on_node(std::size_t index, const Node& reply) override;
  void on_end(const Error* failure) override;

 private:
  enum class Asking { no, once, each };

  Courier(std::shared_ptr<Sender> sender, std::shared_ptr<Client> to, Errand errand, bool asking);

  std::shared_ptr<Sender> sender_;
  std::shared_ptr<Client> to_;
  Errand errand_;
  Asking asking_ = Asking::no;
  std::optional<Redirect> redirect_;
};

}  // namespace terrace::redis
