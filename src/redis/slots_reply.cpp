#include "redis/slots_reply.hpp"

#include <algorithm>
#include <charconv>

namespace terrace::redis {

/// [[first, last, [host, port, id, …], …], …]
void SlotsReply::take(const Node& node) {
  if (node.depth == 0) {
    sound_ = sound_ && node.data_type == NodeType::array;
  } else if (node.depth == 1) {
    ranges_.emplace_back();
    bounds_ = 0;
  } else if (ranges_.empty()) {
    sound_ = false;
  } else if (node.depth == 2 && node.data_type == NodeType::number) {
    take_bound(node.value);
  } else if (node.depth == 2) {
    ranges_.back().nodes.push_back(asked_);
    details_ = 0;
  } else if (node.depth == 3) {
    take_detail(node);
  }
}

void SlotsReply::take_bound(std::string_view digits) {
  unsigned value = slot_count;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (value >= slot_count) sound_ = false;
  (bounds_++ == 0 ? ranges_.back().first : ranges_.back().last) = static_cast<Slot>(value);
}

void SlotsReply::take_detail(const Node& node) {
  const unsigned detail = details_++;
  if (ranges_.back().nodes.empty()) {
    sound_ = false;
  } else if (detail == 0) {
    const bool unknown = node.data_type == NodeType::null || node.value.empty() || node.value == "?";
    if (!unknown) ranges_.back().nodes.back().host = node.value;
  } else if (detail == 1) {
    unsigned port = 0;
    std::from_chars(node.value.data(), node.value.data() + node.value.size(), port);
    if (port == 0 || port > 65535) sound_ = false;
    ranges_.back().nodes.back().port = static_cast<std::uint16_t>(port);
  }
}

std::optional<std::vector<SlotRange>> SlotsReply::ranges() const {
  const auto fine = [](const SlotRange& range) { return !range.nodes.empty() && range.first <= range.last; };
  if (!sound_ || bounds_ == 1 || !std::all_of(ranges_.begin(), ranges_.end(), fine)) return std::nullopt;
  return ranges_;
}

}  // namespace terrace::redis
