#pragma once
/// RESP3 in both directions with the codec of Boost.Redis: commands to bytes, and bytes to the nodes of
/// replies. Every length is checked before anything is allocated for it.

#include <boost/redis/resp3/node.hpp>
#include <boost/redis/resp3/parser.hpp>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace terrace::redis {

using Node = boost::redis::resp3::node_view;
using NodeType = boost::redis::resp3::type;

/// Begins a command with that many parts; add_part adds each of them.
void begin_command(std::string& out, std::size_t parts);
/// One part, made of pieces put together.
void add_part(std::string& out, std::initializer_list<std::string_view> pieces);
inline void add_part(std::string& out, std::string_view part) {
  add_part(out, {part});
}
void add_command(std::string& out, std::initializer_list<std::string_view> parts);

/// Splits commands that were encoded by these functions into their parts.
[[nodiscard]] std::vector<std::vector<std::string_view>> parse_commands(std::string_view encoded);

[[nodiscard]] inline bool is_error(const Node& node) noexcept {
  return node.data_type == NodeType::simple_error || node.data_type == NodeType::blob_error;
}

/// Cuts a stream of bytes into replies and pushes, and these into nodes. A value over the limit is skipped
/// without being held: its reply becomes an error that begins with `too_large`. Anything that is not RESP3 as
/// servers send it leads to Step::broken.
class ReplyReader {
 public:
  explicit ReplyReader(std::size_t max_value_bytes);

  /// The buffer for the next bytes; invalidates nodes.
  std::span<char> space();
  void commit(std::size_t bytes) noexcept { end_ += bytes; }

  enum class Step { node, need_more, broken };
  struct Item {
    Node node;
    bool last = false;  ///< it is the last of its reply or push
    bool push = false;  ///< it is no answer to a command
  };
  /// The item's text is valid until space() is called.
  Step next(Item& item);

  /// Why it is broken. Shows none of the bytes.
  [[nodiscard]] const std::string& why_broken() const noexcept { return why_; }

  static constexpr std::string_view too_large = "TERRACE-TOO-LARGE ";

 private:
  enum class Line { fine, incomplete, skip, bad };
  Line check_line(std::string_view message);
  Line check_length(char type, std::string_view digits, bool top_level, std::size_t line_end);
  Step skip(Item& item);
  Step broken(std::string why);
  void grow();

  std::size_t max_value_bytes_;
  boost::redis::resp3::parser parser_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_;
  std::size_t begin_ = 0;  // beginning of the message being parsed
  std::size_t end_ = 0;
  std::size_t skip_ = 0;  // bytes of a too large value that are still to be dropped
  bool in_reply_ = false;
  bool in_bulk_ = false;  // the next bytes are a text whose length was read
  bool in_push_ = false;
  std::string skipped_;
  std::string why_;
};

}  // namespace terrace::redis
