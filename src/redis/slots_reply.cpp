#include "redis/slots_reply.hpp"

#include <charconv>
#include <set>

namespace terrace::redis {
namespace {

/// A reply may name each node once for every slot. With this many mentions there are eight for each.
constexpr std::size_t most_mentions = 8 * slot_count;

}  // namespace

/// [[first, last, [host, port, id, …], …], …]
void SlotsReply::take(const Node& node) {
  if (!sound_) return;  // a reply without end takes no memory
  if (node.depth == 0) {
    sound_ = node.data_type == NodeType::array;
  } else if (node.depth == 1) {
    sound_ = ranges_.size() < slot_count;
    ranges_.emplace_back();
    bounds_ = 0;
  } else if (ranges_.empty()) {
    sound_ = false;
  } else if (node.depth == 2 && node.data_type == NodeType::number) {
    take_bound(node.value);
  } else if (node.depth == 2) {
    sound_ = ++mentions_ <= most_mentions;
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
  if (!sound_ || bounds_ == 1) return std::nullopt;
  std::size_t slots = 0;
  std::set<Address> nodes;
  for (const SlotRange& range : ranges_) {
    if (range.nodes.empty() || range.first > range.last) return std::nullopt;
    slots += range.last - range.first + 1U;
    nodes.insert(range.nodes.begin(), range.nodes.end());
    if (slots > slot_count || nodes.size() > most_nodes) return std::nullopt;
  }
  return ranges_;
}

}  // namespace terrace::redis
