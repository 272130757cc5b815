#pragma once
/// Backend: takes the exchanges of a tier: one server, or a cluster of them. Courier: carries an exchange to
/// a server and brings it back if the server redirects it. Thread safe, except Courier.

#include <memory>
#include <optional>
#include <string>

#include "redis/client.hpp"
#include "redis/redirect.hpp"

namespace terrace::redis {

class Backend {
 public:
  virtual ~Backend() = default;

  /// Sends it to the server of its slot, and follows redirects as often as necessary. The exchange ends on
  /// the I/O thread, or inside this call after the end.
  virtual void submit(std::unique_ptr<Exchange> exchange) = 0;

  // For bulk operations, whose exchanges contain keys of many slots. They use a client directly; keys that it
  // redirects are submitted one by one.

  /// The client for a key; null: unknown at present, submit() waits for it.
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

/// An exchange on its way, and its history.
struct Errand {
  std::unique_ptr<Exchange> exchange;
  unsigned hops = 0;          ///< redirects so far
  unsigned waits = 0;         ///< times it had to try again
  bool primary_only = false;  ///< a replica could not help
  TimePoint patience = no_deadline;
  std::optional<Error> trouble = {};  ///< the last error

  void end(const Error& failure) { exchange->on_end(&failure); }
};

/// One exchange on its way to one server.
class Courier final : public Exchange {
 public:
  /// Receives the result; on the I/O thread or inside Client::submit.
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
