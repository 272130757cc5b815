#pragma once
/// The protocol of Redis as a server speaks it: requests from bytes, replies to bytes (RESP2 and RESP3).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace terrace::sim {

/// A command: its name and its arguments.
using Args = std::vector<std::string>;

struct Reply {
  enum class Kind { null, status, error, integer, bulk, verbatim, array, map };
  Kind kind = Kind::null;
  std::string text = {};  ///< an error has its code in front: "ERR …"
  std::int64_t number = 0;
  std::vector<Reply> items = {};  ///< of a map: key, value, key, value …
  int protocol = 0;               ///< not 0: the protocol of this reply, in a transaction that changes it

  static Reply null() { return {}; }
  static Reply ok() { return status("OK"); }
  static Reply status(std::string text) { return {Kind::status, std::move(text)}; }
  static Reply error(std::string text) { return {Kind::error, std::move(text)}; }
  static Reply integer(std::int64_t number) { return {Kind::integer, {}, number}; }
  static Reply bulk(std::string text) { return {Kind::bulk, std::move(text)}; }
  static Reply array(std::vector<Reply> items) { return {Kind::array, {}, 0, std::move(items)}; }

  [[nodiscard]] bool is_error() const noexcept { return kind == Kind::error; }
};

/// Appends the reply; `protocol` is 2 or 3.
void encode(std::string& out, const Reply& reply, int protocol);

/// Appends the RESP3 push of an invalidation; nullptr: of all keys.
void encode_invalidation(std::string& out, const std::vector<std::string>* keys);

/// Cuts what a client sends into commands.
class RequestReader {
 public:
  void add(std::string_view bytes) { bytes_ += bytes; }
  /// The next complete command.
  std::optional<Args> next();
  /// What came is no command of this protocol.
  [[nodiscard]] bool broken() const noexcept { return broken_; }

 private:
  std::optional<std::size_t> take_length(char type, std::size_t& at);

  std::string bytes_;
  bool broken_ = false;
};

/// The length of the message (a reply or a push) that the bytes begin with; 0: it is not complete.
[[nodiscard]] std::size_t message_length(std::string_view bytes);

}  // namespace terrace::sim
