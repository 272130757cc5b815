// MessagePack to JSON. msgpack's parser keeps its own stack on the heap and calls the visitor item by item,
// so there is no recursion at any nesting.
#define MSGPACK_NO_BOOST
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>
#include <msgpack.hpp>
#include <terrace/codec.hpp>
#include <terrace/detail/envelope/packer.hpp>

#include "service/document_json.hpp"
#include "service/text_json.hpp"

namespace terrace::service {

namespace json = boost::json;
namespace {

json::value text(BytesView bytes) {
  if (is_utf8(bytes)) return json::string(bytes);
  return marked_bytes("$str", bytes);
}

json::value number(double value) {
  if (std::isfinite(value)) return value;
  return json::object{{"$float", std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf"}};
}

/// As a JSON object if nothing is lost.
json::value map_of(json::array&& pairs) {
  json::object object;
  for (const json::value& pair : pairs) {
    const json::string* const key = pair.get_array()[0].if_string();
    const bool plain = key != nullptr && !key->starts_with('$');
    if (!plain || !object.emplace(*key, pair.get_array()[1]).second) {
      return json::object{{"$map", std::move(pairs)}};
    }
  }
  return object;
}

/// Builds the JSON of one item and its content.
class Builder : public msgpack::null_visitor {
 public:
  [[nodiscard]] json::value& result() { return result_; }
  [[nodiscard]] bool too_deep() const noexcept { return too_deep_; }

  bool visit_nil() { return put(nullptr); }
  bool visit_boolean(bool v) { return put(v); }
  bool visit_positive_integer(std::uint64_t v) { return put(v); }
  bool visit_negative_integer(std::int64_t v) { return put(v); }
  bool visit_float32(float v) { return put(number(static_cast<double>(v))); }
  bool visit_float64(double v) { return put(number(v)); }
  bool visit_str(const char* v, std::uint32_t size) { return put(text({v, size})); }
  bool visit_bin(const char* v, std::uint32_t size) { return put(marked_bytes("$bytes", {v, size})); }
  /// The first byte is the type.
  bool visit_ext(const char* v, std::uint32_t size) {
    if (size == 0) return false;
    return put(json::object{{"$ext", {static_cast<signed char>(v[0]), to_base64({v + 1, size - 1})}}});
  }

  bool start_array(std::uint32_t) { return open(); }
  bool end_array() { return put(close()); }
  bool start_map(std::uint32_t) { return open(); }
  bool end_map() { return put(map_of(close())); }
  /// A pair is a separate array, which is closed before the map is.
  bool start_map_key() {
    open_.emplace_back();
    return true;
  }
  bool end_map_value() { return put(take()); }

 private:
  bool open() {
    too_deep_ = ++depth_ > detail::max_depth;
    open_.emplace_back();
    return !too_deep_;
  }
  json::array close() {
    --depth_;
    return take();
  }
  json::array take() {
    json::array items = std::move(open_.back());
    open_.pop_back();
    return items;
  }
  bool put(json::value value) {
    if (open_.empty()) {
      result_ = std::move(value);
    } else {
      open_.back().push_back(std::move(value));
    }
    return true;
  }

  std::vector<json::array> open_;
  std::size_t depth_ = 0;
  bool too_deep_ = false;
  json::value result_;
};

Error corrupt(const char* why) {
  return {Errc::corrupt, why};
}

}  // namespace

Result<json::value> to_json(const Document& document) {
  if (document.payload.size() > max_shown_bytes) {
    return Error(Errc::value_too_large, "the value has " + std::to_string(document.payload.size()) +
                                            " bytes; at most " + std::to_string(max_shown_bytes) +
                                            " are shown");
  }
  if (document.kind.codec != messagepack_codec) return marked_bytes("$bytes", document.payload);
  Builder builder;
  std::size_t end = 0;
  try {
    // The parser throws for some hostile lengths of an ext, and calls nothing for truncated items.
    if (!msgpack::parse(document.payload.data(), document.payload.size(), end, builder)) {
      return corrupt(builder.too_deep() ? "containers nested deeper than 128"
                                        : "MessagePack that ends early or is malformed");
    }
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception&) {
    return corrupt("MessagePack that is malformed");
  }
  if (end != document.payload.size()) return corrupt("bytes after the value");
  return std::move(builder.result());
}

}  // namespace terrace::service
