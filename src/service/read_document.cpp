// JSON to MessagePack: by a schema text if there is one, otherwise each value by its JSON type.
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <limits>
#include <terrace/codec.hpp>
#include <terrace/detail/envelope/packer.hpp>

#include "service/document_json.hpp"
#include "service/schema_type.hpp"
#include "service/text_json.hpp"

namespace terrace::service {

namespace json = boost::json;
namespace {

using detail::Packer;
using Kind = SchemaType::Kind;

constexpr std::array<std::string_view, 13> plain_types{"str", "i64", "f64", "bool", "bin", "u64", "i32",
                                                       "u32", "f32", "i16", "u16",  "i8",  "u8"};

/// The kind of a value, for messages. Never shows the value.
std::string name_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "a bool";
    case json::kind::int64:
    case json::kind::uint64:
      return "a whole number";
    case json::kind::double_:
      return "a number with a fraction";
    case json::kind::string:
      return "a string";
    case json::kind::array:
      return "an array of " + std::to_string(value.get_array().size());
    case json::kind::object:
      return "an object";
  }
  return "?";
}

std::optional<double> real_of(const json::value& value) {
  if (const double* const number = value.if_double()) return *number;
  if (value.is_int64()) return static_cast<double>(value.get_int64());
  if (value.is_uint64()) return static_cast<double>(value.get_uint64());
  const json::object* const object = value.if_object();
  if (object == nullptr || object->size() != 1) return std::nullopt;
  const json::value* const said = object->if_contains("$float");
  if (said == nullptr) return std::nullopt;
  if (*said == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (*said == "inf") return std::numeric_limits<double>::infinity();
  if (*said == "-inf") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

std::optional<Bytes> text_of(const json::value& value) {
  if (const json::string* const text = value.if_string()) return Bytes(*text);
  return marked_bytes_of(value, "$str");
}

/// The pairs of a map in either of its forms; none: it is no map.
std::optional<std::vector<std::pair<json::value, const json::value*>>> pairs_of(const json::value& value) {
  const json::object* const object = value.if_object();
  if (object == nullptr) return std::nullopt;
  std::vector<std::pair<json::value, const json::value*>> pairs;
  const json::value* const listed = object->size() == 1 ? object->if_contains("$map") : nullptr;
  if (listed == nullptr) {
    for (const auto& [key, held] : *object) pairs.emplace_back(json::string(key), &held);
    return pairs;
  }
  if (!listed->is_array()) return std::nullopt;
  for (const json::value& pair : listed->get_array()) {
    if (!pair.is_array() || pair.get_array().size() != 2) return std::nullopt;
    pairs.emplace_back(pair.get_array()[0], &pair.get_array()[1]);
  }
  return pairs;
}

/// Writes values of a type. The packer counts the nesting, so this recursion is bounded, too.
class TypedWriter {
 public:
  TypedWriter(Packer& to, const SchemaType& outermost) : to_(to), outermost_(outermost) {}

  bool write(const SchemaType& type, const json::value& value) {
    switch (type.kind) {
      case Kind::outermost:
        return write(outermost_, value);
      case Kind::nil:
        return value.is_null() ? (to_.nil(), true) : refuse(type, value);
      case Kind::boolean:
        return value.is_bool() ? (to_.boolean(value.get_bool()), true) : refuse(type, value);
      case Kind::integer:
        return write_integer(type, value);
      case Kind::real:
        return write_real(type, value);
      case Kind::text:
        return write_bytes(type, value, text_of(value));
      case Kind::bytes:
      case Kind::fixed_bytes:
      case Kind::own:
        return write_bytes(type, value, marked_bytes_of(value, "$bytes"));
      case Kind::sequence:
      case Kind::fixed_sequence:
      case Kind::tuple:
        return write_array(type, value);
      case Kind::map:
        return write_map(type, value);
      case Kind::variant:
        return write_variant(type, value);
      case Kind::optional:
        return write_optional(type, value);
    }
    return refuse(type, value);
  }

 private:
  bool refuse(const SchemaType& type, const json::value& value, const std::string& why = {}) {
    return to_.fail(name_of(value) + " where the schema has " + type.text + why);
  }

  bool write_integer(const SchemaType& type, const json::value& value) {
    if (!value.is_int64() && !value.is_uint64()) return refuse(type, value);
    const std::uint64_t most = ~std::uint64_t{0} >> (64 - type.bits + (type.is_signed ? 1 : 0));
    if (value.is_int64() && value.get_int64() < 0) {
      const std::int64_t least = -static_cast<std::int64_t>(most) - 1;
      if (!type.is_signed || value.get_int64() < least) return refuse(type, value, ", which it does not fit");
      to_.integer(value.get_int64());
      return true;
    }
    const auto number =
        value.is_uint64() ? value.get_uint64() : static_cast<std::uint64_t>(value.get_int64());
    if (number > most) return refuse(type, value, ", which it does not fit");
    to_.integer_unsigned(number);
    return true;
  }

  bool write_real(const SchemaType& type, const json::value& value) {
    const auto number = real_of(value);
    if (!number) return refuse(type, value);
    if (type.bits == 64) return to_.real(*number), true;
    constexpr auto most = static_cast<double>(std::numeric_limits<float>::max());
    if (std::isfinite(*number) && std::abs(*number) > most) {
      return refuse(type, value, ", which it does not fit");
    }
    to_.real(static_cast<float>(*number));
    return true;
  }

  bool write_bytes(const SchemaType& type, const json::value& value, const std::optional<Bytes>& bytes) {
    if (!bytes) {
      return refuse(type, value, type.kind == Kind::text ? "" : R"(: write {"$bytes": "base64"})");
    }
    if (type.kind == Kind::fixed_bytes && bytes->size() != type.count) {
      return refuse(type, value, ": " + std::to_string(bytes->size()) + " bytes");
    }
    type.kind == Kind::text ? to_.text(*bytes) : to_.bytes(*bytes);
    return to_.ok();
  }

  bool write_array(const SchemaType& type, const json::value& value) {
    if (!value.is_array()) return refuse(type, value);
    const json::array& items = value.get_array();
    const bool tuple = type.kind == Kind::tuple;
    const bool any_size = type.kind == Kind::sequence;
    if (!any_size && items.size() != (tuple ? type.parts.size() : type.count)) return refuse(type, value);
    if (!to_.array(items.size())) return false;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!write(*type.parts[tuple ? i : 0], items[i])) return false;
    }
    return to_.leave(), true;
  }

  bool write_map(const SchemaType& type, const json::value& value) {
    const auto pairs = pairs_of(value);
    if (!pairs) return refuse(type, value);
    if (!to_.map(pairs->size())) return false;
    for (const auto& [key, held] : *pairs) {
      if (!write(*type.parts[0], key) || !write(*type.parts[1], *held)) return false;
    }
    return to_.leave(), true;
  }

  bool write_variant(const SchemaType& type, const json::value& value) {
    const json::array* const items = value.if_array();
    const bool shaped = items != nullptr && items->size() == 2 && (*items)[0].is_int64();
    const std::int64_t index = shaped ? (*items)[0].get_int64() : -1;
    if (index < 0 || static_cast<std::uint64_t>(index) >= type.parts.size()) {
      return refuse(type, value, ": write [index, value], the index from 0");
    }
    if (!to_.array(2)) return false;
    to_.integer_unsigned(static_cast<std::uint64_t>(index));
    return write(*type.parts[static_cast<std::size_t>(index)], (*items)[1]) && (to_.leave(), true);
  }

  /// In the form of codec.hpp: an optional of a type that can be nil itself is in an array of 1.
  bool write_optional(const SchemaType& type, const json::value& value) {
    const SchemaType& held = *type.parts[0];
    if (value.is_null()) return to_.nil(), true;
    if (held.kind != Kind::optional && held.kind != Kind::nil) return write(held, value);
    if (!value.is_array() || value.get_array().size() != 1) {
      return refuse(type, value, ": its content goes in an array of 1");
    }
    return to_.array(1) && write(held, value.get_array()[0]) && (to_.leave(), true);
  }

  Packer& to_;
  const SchemaType& outermost_;
};

/// Without a schema: writes each value by its JSON type.
bool write_as_it_looks(Packer& to, const json::value& value) {
  if (value.is_null()) return to.nil(), true;
  if (value.is_bool()) return to.boolean(value.get_bool()), true;
  if (value.is_int64()) return to.integer(value.get_int64()), true;
  if (value.is_uint64()) return to.integer_unsigned(value.get_uint64()), true;
  if (const auto number = real_of(value)) return to.real(*number), true;
  if (const auto text = text_of(value)) return to.text(*text), to.ok();
  if (const auto bytes = marked_bytes_of(value, "$bytes")) return to.bytes(*bytes), to.ok();
  if (const json::array* const items = value.if_array()) {
    if (!to.array(items->size())) return false;
    for (const json::value& item : *items) {
      if (!write_as_it_looks(to, item)) return false;
    }
    return to.leave(), true;
  }
  const auto pairs = pairs_of(value);
  if (!pairs || !to.map(pairs->size())) return to.fail("an object that is no map");
  for (const auto& [key, held] : *pairs) {
    if (!write_as_it_looks(to, key) || !write_as_it_looks(to, *held)) return false;
  }
  return to.leave(), true;
}

/// The plain type with this fingerprint; empty: none.
std::string_view plain_type(StoredKind kind) {
  if (kind.codec != messagepack_codec) return {};
  for (const std::string_view text : plain_types) {
    detail::Fingerprint fingerprint;
    fingerprint.append(text);
    if (fingerprint.value() == kind.schema) return text;
  }
  return {};
}

/// The plain type of the value itself; empty: none.
std::string_view looks_like(const json::value& value) {
  if (value.is_string()) return "str";
  if (value.is_bool()) return "bool";
  if (value.is_int64()) return "i64";
  if (value.is_uint64()) return "u64";
  if (real_of(value)) return "f64";
  if (text_of(value)) return "str";
  return marked_bytes_of(value, "$bytes") ? "bin" : "";
}

Result<Document> written(StoredKind kind, Bytes&& payload, const Result<void>& outcome) {
  if (!outcome) return Error(Errc::invalid_argument, outcome.error().context);
  return Document{std::move(payload), kind};
}

Result<Document> by_schema(const json::value& value, std::string_view text) {
  const auto type = parse_schema(text);
  if (!type) return type.error();
  const StoredKind kind = kind_of_schema(text, **type);
  if (kind.codec != messagepack_codec) {
    if (auto bytes = marked_bytes_of(value, "$bytes")) return Document{std::move(*bytes), kind};
  }
  Bytes payload;
  Packer packer(payload);
  TypedWriter(packer, **type).write(**type, value);
  return written(kind, std::move(payload), packer.result());
}

/// Only the fingerprint of the type is known.
Result<Document> by_kind(const json::value& value, StoredKind kind) {
  if (const auto text = plain_type(kind); !text.empty()) return by_schema(value, text);
  if (kind.codec != messagepack_codec) {
    auto bytes = marked_bytes_of(value, "$bytes");
    if (bytes) return Document{std::move(*bytes), kind};
    return Error(
        Errc::invalid_argument,
        R"(the values of the cache have their own codec: give their bytes, as {"$bytes": "base64"})");
  }
  Bytes payload;
  Packer packer(payload);
  write_as_it_looks(packer, value);
  return written(kind, std::move(payload), packer.result());
}

}  // namespace

Result<Document> to_document(const json::value& value, const WantedKind& wanted) {
  if (!wanted.schema.empty()) {
    auto document = by_schema(value, wanted.schema);
    if (document && wanted.kind && document->kind != *wanted.kind) {
      return Error(Errc::invalid_argument, "the values of the cache have another type than " + wanted.schema +
                                               ": its schema is " + schema_name(*wanted.kind));
    }
    return document;
  }
  if (wanted.kind) return by_kind(value, *wanted.kind);
  if (const auto text = looks_like(value); !text.empty()) return by_schema(value, text);
  return Error(Errc::invalid_argument,
               name_of(value) +
                   " does not show the type that programs expect: give its schema text, as in "
                   "\"schema\": \"(i64,str)\"; terrace::schema_text<V>() returns that of a type");
}

std::string schema_name(StoredKind kind) {
  if (const auto text = plain_type(kind); !text.empty()) return std::string(text);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string name = "0x";
  for (int shift = 60; shift >= 0; shift -= 4) name += digits[(kind.schema >> shift) & 15U];
  return name;
}

}  // namespace terrace::service
