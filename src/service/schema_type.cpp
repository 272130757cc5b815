#include "service/schema_type.hpp"

#include <charconv>
#include <terrace/codec.hpp>

namespace terrace::service {
namespace {

using Kind = SchemaType::Kind;

constexpr std::size_t max_length = 4096;
constexpr unsigned max_nesting = 32;

/// Reads from left to right. After the first failure `why_` is set and the results have no meaning.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<SchemaTypePtr> read() {
    if (text_.size() > max_length) fail("it is longer than 4096 bytes");
    SchemaTypePtr type = read_type();
    if (why_.empty() && at_ != text_.size()) fail("it should end here");
    if (why_.empty()) return type;
    return Error(Errc::invalid_argument, "\"" + std::string(text_.substr(0, 80)) +
                                             "\" is not a schema text: " + why_ +
                                             "; terrace::schema_text<V>() returns that of a type");
  }

 private:
  void fail(const std::string& what) {
    if (why_.empty()) why_ = "at byte " + std::to_string(at_) + ", " + what;
  }
  bool take(std::string_view word) {
    if (!why_.empty() || !text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void expect(std::string_view word) {
    if (!take(word)) fail("expected \"" + std::string(word) + "\"");
  }
  std::uint64_t read_number() {
    std::uint64_t number = 0;
    const char* const from = text_.data() + at_;
    const auto [end, error] = std::from_chars(from, text_.data() + text_.size(), number);
    if (error != std::errc{}) fail("expected a number");
    at_ += static_cast<std::size_t>(end - from);
    return number;
  }

  SchemaTypePtr read_type() {
    const std::size_t begin = at_;
    if (++depth_ > max_nesting) fail("types are nested deeper than 32");
    SchemaType type = why_.empty() ? read_plain() : SchemaType{};
    --depth_;
    type.text = text_.substr(begin, at_ - begin);
    while (take("?")) {
      auto held = std::make_shared<const SchemaType>(std::move(type));
      type = {.kind = Kind::optional, .parts = {std::move(held)}};
      type.text = text_.substr(begin, at_ - begin);
    }
    return std::make_shared<const SchemaType>(std::move(type));
  }

  SchemaType read_plain() {
    if (take("bool")) return {.kind = Kind::boolean};
    if (take("bin*")) return {.kind = Kind::fixed_bytes, .count = read_number()};
    if (take("bin")) return {.kind = Kind::bytes};
    if (take("str")) return {.kind = Kind::text};
    if (take("nil")) return {.kind = Kind::nil};
    if (take("own:")) return read_own();
    if (take("^")) return read_reference();
    if (take("[")) return read_sequence();
    if (take("{")) return read_map();
    if (take("(")) return read_tuple();
    if (take("<")) return read_list(Kind::variant, "|", ">");
    if (take("d") || take("t")) return read_ticks();
    for (const unsigned bits : {8U, 16U, 32U, 64U}) {
      const std::string size = std::to_string(bits);
      if (take("i" + size)) return {.kind = Kind::integer, .bits = bits};
      if (take("u" + size)) return {.kind = Kind::integer, .bits = bits, .is_signed = false};
      if (bits >= 32 && take("f" + size)) return {.kind = Kind::real, .bits = bits};
    }
    fail("expected a type, as str, i64, f64, bool, bin, [str], {str:i64} or (i64,str)");
    return {};
  }

  SchemaType read_own() {
    if (const auto id = read_number(); id < first_own_codec || id > 255)
      fail("the ids of custom codecs are 64 to 255");
    expect(":");
    read_number();
    return {.kind = Kind::own};
  }

  /// Tuples look like aggregates but are not counted, so only the reference to the outermost type is certain.
  SchemaType read_reference() {
    if (const auto steps = read_number(); steps == 0 || steps != enclosing_)
      fail("a ^ that could mean more than one type");
    return {.kind = Kind::outermost};
  }

  SchemaType read_sequence() {
    SchemaType type{.kind = Kind::sequence, .parts = {read_type()}};
    if (take("*")) {
      type.kind = Kind::fixed_sequence;
      type.count = read_number();
    }
    expect("]");
    return type;
  }

  SchemaType read_map() {
    SchemaType type{.kind = Kind::map, .parts = {read_type()}};
    expect(":");
    type.parts.push_back(read_type());
    expect("}");
    return type;
  }

  SchemaType read_tuple() {
    ++enclosing_;
    SchemaType type = read_list(Kind::tuple, ",", ")");
    --enclosing_;
    if (take("@")) read_number();
    return type;
  }

  SchemaType read_list(Kind kind, std::string_view between, std::string_view close) {
    SchemaType type{.kind = kind};
    if (take(close)) return type;
    do {
      type.parts.push_back(read_type());
    } while (take(between));
    expect(close);
    return type;
  }

  SchemaType read_ticks() {
    read_number();
    expect("/");
    read_number();
    if (take("f")) return {.kind = Kind::real};
    return {.kind = Kind::integer};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  unsigned depth_ = 0;
  std::uint64_t enclosing_ = 0;
  std::string why_;
};

}  // namespace

Result<SchemaTypePtr> parse_schema(std::string_view text) {
  return Reader(text).read();
}

StoredKind kind_of_schema(std::string_view text, const SchemaType& type) {
  if (type.kind != Kind::own) {
    detail::Fingerprint fingerprint;
    fingerprint.append(text);
    return {messagepack_codec, fingerprint.value()};
  }
  StoredKind kind;
  const std::size_t colon = text.find(':', 4);
  std::from_chars(text.data() + 4, text.data() + colon, kind.codec);
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), kind.schema);
  return kind;
}

}  // namespace terrace::service
