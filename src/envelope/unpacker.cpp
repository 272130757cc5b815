#define MSGPACK_NO_BOOST
#include <bit>
#include <cmath>
#include <limits>
#include <msgpack.hpp>
#include <terrace/detail/envelope/packer.hpp>

namespace terrace::detail {

/// One item: a scalar, a whole string, or the head of a container.
struct Unpacker::Item {
  enum class Kind {
    none,
    nil,
    boolean,
    natural,
    negative,
    real32,
    real64,
    text,
    bytes,
    array,
    map,
    extension
  };

  Kind kind = Kind::none;
  std::uint64_t number = 0;  ///< a natural number, a negative one as two's complement, a bool, a count
  double real = 0;
  BytesView view;

  [[nodiscard]] const char* name() const {
    switch (kind) {
      case Kind::none:
        return "nothing";
      case Kind::nil:
        return "nil";
      case Kind::boolean:
        return "a bool";
      case Kind::natural:
      case Kind::negative:
        return "an integer";
      case Kind::real32:
        return "a float32";
      case Kind::real64:
        return "a float64";
      case Kind::text:
        return "a str";
      case Kind::bytes:
        return "a bin";
      case Kind::array:
        return "an array";
      case Kind::map:
        return "a map";
      case Kind::extension:
        return "an ext";
    }
    return "?";
  }
};

/// Takes one item. At the head of a container it stops the library's parser, so that the parser's own stack
/// stays empty, and Unpacker checks depth and lengths.
struct Unpacker::Visitor : msgpack::null_visitor {
  using Kind = Item::Kind;
  Item& item;
  explicit Visitor(Item& to) : item(to) {}

  bool take(Kind kind, std::uint64_t number = 0, double real = 0, BytesView view = {}) {
    item = {kind, number, real, view};
    return kind != Kind::array && kind != Kind::map;
  }
  bool visit_nil() { return take(Kind::nil); }
  bool visit_boolean(bool v) { return take(Kind::boolean, v ? 1 : 0); }
  bool visit_positive_integer(std::uint64_t v) { return take(Kind::natural, v); }
  bool visit_negative_integer(std::int64_t v) {
    return take(v < 0 ? Kind::negative : Kind::natural, static_cast<std::uint64_t>(v));
  }
  bool visit_float32(float v) { return take(Kind::real32, 0, static_cast<double>(v)); }
  bool visit_float64(double v) { return take(Kind::real64, 0, v); }
  bool visit_str(const char* v, std::uint32_t size) { return take(Kind::text, 0, 0, {v, size}); }
  bool visit_bin(const char* v, std::uint32_t size) { return take(Kind::bytes, 0, 0, {v, size}); }
  bool start_array(std::uint32_t count) { return take(Kind::array, count); }
  bool start_map(std::uint32_t count) { return take(Kind::map, count); }
};

namespace {

/// ext 8 … 32, fixext 1 … 16. No type is written as ext; the library throws for some lengths.
bool is_extension(unsigned char first) {
  return (first >= 0xc7 && first <= 0xc9) || (first >= 0xd4 && first <= 0xd8);
}

/// The bytes of a container's head: fixarray and fixmap, those of 16 bits, those of 32.
std::size_t head_size(unsigned char first) {
  if (first < 0xc0) return 1;
  return first == 0xdc || first == 0xde ? 3 : 5;
}

}  // namespace

bool Unpacker::next(Item& item) {
  if (failed_) return false;
  if (offset_ < data_.size()) {
    const auto first = static_cast<unsigned char>(data_[offset_]);
    if (is_extension(first)) {
      item.kind = Item::Kind::extension;
      return true;
    }
    std::size_t end = offset_;
    Visitor visitor(item);
    const bool whole = msgpack::parse(data_.data(), data_.size(), end, visitor);
    if (item.kind != Item::Kind::none) {
      offset_ = whole ? end : offset_ + head_size(first);
      return true;
    }
  }
  return fail(Errc::corrupt, "MessagePack that ends early or is malformed");
}

bool Unpacker::take_nil() {
  constexpr char nil_byte = static_cast<char>(0xc0);
  if (failed_ || offset_ >= data_.size() || data_[offset_] != nil_byte) return false;
  ++offset_;
  return true;
}

bool Unpacker::nil() {
  Item item;
  if (!next(item)) return false;
  return item.kind == Item::Kind::nil || wrong_kind("nil", item);
}

bool Unpacker::boolean(bool& value) {
  Item item;
  if (!next(item)) return false;
  if (item.kind != Item::Kind::boolean) return wrong_kind("a bool", item);
  value = item.number != 0;
  return true;
}

bool Unpacker::integer(std::int64_t& value, std::int64_t least, std::int64_t greatest) {
  Item item;
  if (!next(item)) return false;
  const bool negative = item.kind == Item::Kind::negative;
  if (!negative && item.kind != Item::Kind::natural) return wrong_kind("an integer", item);
  const auto number = static_cast<std::int64_t>(item.number);
  if (!negative && number < 0) return fail(Errc::incompatible, "an integer out of the range of its type");
  if (number < least || number > greatest) {
    return fail(Errc::incompatible, "an integer out of the range of its type");
  }
  value = number;
  return true;
}

bool Unpacker::integer_unsigned(std::uint64_t& value, std::uint64_t greatest) {
  Item item;
  if (!next(item)) return false;
  if (item.kind != Item::Kind::natural && item.kind != Item::Kind::negative)
    return wrong_kind("an integer", item);
  if (item.kind == Item::Kind::negative || item.number > greatest) {
    return fail(Errc::incompatible, "an integer out of the range of its type");
  }
  value = item.number;
  return true;
}

bool Unpacker::real(double& value) {
  Item item;
  if (!next(item)) return false;
  if (item.kind != Item::Kind::real32 && item.kind != Item::Kind::real64) return wrong_kind("a float", item);
  value = item.real;
  return true;
}

bool Unpacker::real(float& value) {
  double wide = 0;
  if (!real(wide)) return false;
  // Outside the range of float the conversion itself would be undefined, so the range is checked first.
  const bool in_range =
      !std::isfinite(wide) || std::abs(wide) <= static_cast<double>(std::numeric_limits<float>::max());
  if (!in_range || (!std::isnan(wide) && static_cast<double>(static_cast<float>(wide)) != wide)) {
    return fail(Errc::incompatible, "a float64 that does not fit a float32");
  }
  value = static_cast<float>(wide);
  return true;
}

bool Unpacker::text(BytesView& value) {
  Item item;
  if (!next(item)) return false;
  if (item.kind != Item::Kind::text) return wrong_kind("a str", item);
  value = item.view;
  return true;
}

bool Unpacker::bytes(BytesView& value) {
  Item item;
  if (!next(item)) return false;
  if (item.kind != Item::Kind::bytes) return wrong_kind("a bin", item);
  value = item.view;
  return true;
}

bool Unpacker::array(std::size_t& count) {
  Item item;
  if (!next(item)) return false;
  if (item.kind != Item::Kind::array) return wrong_kind("an array", item);
  count = item.number;
  return enter(count);
}

bool Unpacker::array_of(std::size_t count) {
  std::size_t found = 0;
  if (!array(found)) return false;
  if (found == count) return true;
  return fail(Errc::incompatible, "an array of " + std::to_string(found) + " where the type has " +
                                      std::to_string(count) + " fields");
}

bool Unpacker::map(std::size_t& count) {
  Item item;
  if (!next(item)) return false;
  if (item.kind != Item::Kind::map) return wrong_kind("a map", item);
  count = item.number;
  return enter(2 * count);
}

bool Unpacker::enter(std::size_t items) {
  // Every item takes at least one byte, so a longer container cannot be complete.
  if (items > data_.size() - offset_)
    return fail(Errc::corrupt, "a container longer than the bytes that follow");
  if (++depth_ > max_depth) {
    return fail(Errc::corrupt, "containers nested deeper than " + std::to_string(max_depth));
  }
  return true;
}

bool Unpacker::leave() noexcept {
  --depth_;
  return true;
}

bool Unpacker::wrong_kind(const char* wanted, const Item& found) {
  return fail(Errc::incompatible, std::string(found.name()) + " where the type has " + wanted);
}

bool Unpacker::fail(Errc code, std::string why) {
  if (!failed_) error_ = Error(code, std::move(why) + " (before byte " + std::to_string(offset_) + ")");
  failed_ = true;
  return false;
}

bool Unpacker::finish() {
  if (failed_) return false;
  if (offset_ == data_.size()) return true;
  return fail(Errc::corrupt, std::to_string(data_.size() - offset_) + " bytes after the value");
}

}  // namespace terrace::detail
