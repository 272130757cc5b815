#pragma once
/// WrongTokens: how often an address may send a wrong token, so that tokens cannot be guessed.

#include <boost/asio/ip/address.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <terrace/clock.hpp>

namespace terrace::service {

/// An address may send 10 wrong tokens at once, and then one each second. An IPv6 address stands for its
/// network of 64 bits, which usually belongs to one machine. Thread safe.
class WrongTokens {
 public:
  static constexpr int at_once = 10;
  static constexpr Duration each = std::chrono::seconds(1);
  /// More addresses than this are not remembered: those that have waited longest are forgotten.
  static constexpr std::size_t most_addresses = 4096;

  /// How long the address has to wait until one more token of it is looked at; none: not at all.
  [[nodiscard]] std::optional<Duration> wait(const boost::asio::ip::address& from, TimePoint now) const;
  /// Records a wrong token.
  void add(const boost::asio::ip::address& from, TimePoint now);

 private:
  mutable std::mutex mutex_;
  /// When each address has all of its attempts again.
  std::map<boost::asio::ip::address, TimePoint> whole_again_;
};

}  // namespace terrace::service
