#include "service/wrong_tokens.hpp"

#include <algorithm>

namespace terrace::service {

namespace ip = boost::asio::ip;

namespace {

ip::address network_of(const ip::address& address) {
  if (!address.is_v6()) return address;
  const ip::address_v6 whole = address.to_v6();
  if (whole.is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, whole);
  auto bytes = whole.to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return ip::address_v6(bytes);
}

}  // namespace

std::optional<Duration> WrongTokens::wait(const ip::address& from, TimePoint now) const {
  const std::lock_guard lock(mutex_);
  const auto found = whole_again_.find(network_of(from));
  if (found == whole_again_.end()) return std::nullopt;
  const Duration left = found->second - now - each * (at_once - 1);
  return left > Duration::zero() ? std::optional(left) : std::nullopt;
}

void WrongTokens::add(const ip::address& from, TimePoint now) {
  const std::lock_guard lock(mutex_);
  const ip::address network = network_of(from);
  if (whole_again_.size() >= most_addresses && !whole_again_.contains(network)) {
    std::erase_if(whole_again_, [&](const auto& one) { return one.second <= now; });
    if (whole_again_.size() >= most_addresses) {
      const auto earlier = [](const auto& a, const auto& b) { return a.second < b.second; };
      whole_again_.erase(std::min_element(whole_again_.begin(), whole_again_.end(), earlier));
    }
  }
  TimePoint& whole_again = whole_again_.try_emplace(network, now).first->second;
  whole_again = std::max(whole_again, now) + each;
}

}  // namespace terrace::service
