#pragma once
/// Packer and Unpacker: write and read MessagePack item by item, in compiled code, so that no public header
/// needs a MessagePack library. Format: https://github.com/msgpack/msgpack/blob/master/spec.md

#include <cstddef>
#include <cstdint>
#include <string>
#include <terrace/bytes.hpp>
#include <terrace/result.hpp>

namespace terrace::detail {

/// How deep containers may be nested, for writer and reader: a recursive type must not exhaust the stack.
inline constexpr std::size_t max_depth = 128;

/// Appends items to `out`, each in its shortest form. After the first failure the rest is meaningless;
/// result() reports it. Not thread safe.
class Packer {
 public:
  explicit Packer(Bytes& out) : out_(out) {}

  void nil();
  void boolean(bool value);
  void integer(std::int64_t value);
  void integer_unsigned(std::uint64_t value);
  void real(float value);
  void real(double value);
  void text(BytesView value);
  void bytes(BytesView value);
  /// `count` items follow, or pairs of key and value; call leave() after the last. False: stop.
  bool array(std::size_t count);
  bool map(std::size_t count);
  void leave() noexcept { --depth_; }

  bool fail(std::string why);
  [[nodiscard]] bool ok() const noexcept { return why_.empty(); }
  /// Errc::unencodable with the first failure.
  [[nodiscard]] Result<void> result() const;

 private:
  bool fits(std::size_t count, const char* what);
  bool enter();

  Bytes& out_;
  std::size_t depth_ = 0;
  std::string why_;
};

/// Reads items one at a time and never more than requested: nothing is allocated for a length before the
/// bytes behind it are known to exist, and nesting is counted. After the first failure every method returns
/// false; error() reports it. The bytes must outlive it. Not thread safe.
class Unpacker {
 public:
  explicit Unpacker(BytesView data) : data_(data) {}

  /// True if the next item is nil, which is then consumed.
  bool take_nil();
  bool nil();
  bool boolean(bool& value);
  bool integer(std::int64_t& value, std::int64_t least, std::int64_t greatest);
  bool integer_unsigned(std::uint64_t& value, std::uint64_t greatest);
  /// A double is accepted as a float only if nothing is lost.
  bool real(float& value);
  bool real(double& value);
  /// A view of the bytes given to the constructor.
  bool text(BytesView& value);
  bool bytes(BytesView& value);
  /// `count` items follow; call leave() after the last.
  bool array(std::size_t& count);
  bool array_of(std::size_t count);
  bool map(std::size_t& count);
  bool leave() noexcept;

  /// Records the first failure; always returns false.
  bool fail(Errc code, std::string why);
  [[nodiscard]] const Error& error() const noexcept { return error_; }
  /// True if every byte was consumed.
  bool finish();

 private:
  struct Item;
  struct Visitor;
  bool next(Item& item);
  bool wrong_kind(const char* wanted, const Item& found);
  bool enter(std::size_t items);

  BytesView data_;
  std::size_t offset_ = 0;
  std::size_t depth_ = 0;
  bool failed_ = false;
  Error error_{Errc::corrupt};
};

}  // namespace terrace::detail
