#include "service/document_json.hpp"

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <terrace/codec.hpp>

#include "service/schema_type.hpp"
#include "service/text_json.hpp"

namespace terrace::service {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

template <class V>
Document document(const V& value) {
  Document out{{}, {Codec<V>::id, Codec<V>::schema}};
  EXPECT_TRUE(Codec<V>::encode(value, out.payload));
  return out;
}

std::string shown(const Document& value) {
  const auto out = to_json(value);
  return out ? json::serialize(*out) : out.error().message();
}

/// Shown, and from what was shown and the schema text made again.
template <class V>
void expect_round_trip(const V& value, const std::string& text) {
  const Document made = document(value);
  EXPECT_EQ(shown(made), text);
  const auto again = to_document(json::parse(text), {.schema = schema_text<V>()});
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(*again, made) << text << " as " << schema_text<V>();
  // The cache may be known besides.
  EXPECT_TRUE(to_document(json::parse(text), {made.kind, schema_text<V>()}));
}

std::string refused(const std::string& text, WantedKind wanted) {
  const auto made = to_document(json::parse(text), wanted);
  if (made) return "nothing";
  EXPECT_EQ(made.error(), Errc::invalid_argument);
  return made.error().context;
}

struct Point {
  double x = 0, y = 0;
  bool operator==(const Point&) const = default;
};
struct Tree {
  std::int16_t value;
  std::vector<Tree> children;
};
struct Marked {
  static constexpr unsigned terrace_schema = 3;
  std::optional<std::optional<int>> twice;
};

TEST(DocumentJson, EveryKindGoesBothWays) {
  expect_round_trip(true, "true");
  expect_round_trip(std::int8_t{-128}, "-128");
  expect_round_trip(std::numeric_limits<std::int64_t>::min(), "-9223372036854775808");
  expect_round_trip(std::numeric_limits<std::uint64_t>::max(), "18446744073709551615");
  expect_round_trip(0.5F, "5E-1");
  expect_round_trip(2.0, "2E0");
  expect_round_trip(std::numeric_limits<double>::infinity(), R"({"$float":"inf"})");
  expect_round_trip(-std::numeric_limits<double>::infinity(), R"({"$float":"-inf"})");
  expect_round_trip(std::string("Ada \"q\" \u00e9"), "\"Ada \\\"q\\\" \u00e9\"");
  expect_round_trip(std::string("\xff"), R"({"$str":"/w=="})");
  expect_round_trip(std::vector<std::byte>{std::byte{0}, std::byte{255}}, R"({"$bytes":"AP8="})");
  expect_round_trip(std::array<unsigned char, 2>{1, 2}, R"({"$bytes":"AQI="})");
  expect_round_trip(std::vector<int>{1, 2}, "[1,2]");
  expect_round_trip(std::set<std::string>{"a"}, R"(["a"])");
  expect_round_trip(std::array<int, 2>{1, 2}, "[1,2]");
  expect_round_trip(Point{1, -0.5}, "[1E0,-5E-1]");
  expect_round_trip(std::pair<int, std::string>{1, "b"}, R"([1,"b"])");
  expect_round_trip(std::variant<int, std::string>{"b"}, R"([1,"b"])");
  expect_round_trip(std::optional<int>{}, "null");
  expect_round_trip(std::optional<int>{7}, "7");
  expect_round_trip(Marked{std::optional<int>{}}, "[[null]]");
  expect_round_trip(Marked{{}}, "[null]");
  expect_round_trip(std::monostate{}, "null");
  expect_round_trip(std::chrono::seconds(90), "90");
  expect_round_trip(std::chrono::duration<double>(0.25), "2.5E-1");
  expect_round_trip(std::chrono::sys_time<std::chrono::milliseconds>(5ms), "5");
  expect_round_trip(Tree{1, {{2, {}}, {3, {}}}}, "[1,[[2,[]],[3,[]]]]");
}

TEST(DocumentJson, MapsAreObjectsWhereThatLosesNothing) {
  expect_round_trip(std::map<std::string, int>{{"a", 1}, {"b", 2}}, R"({"a":1,"b":2})");
  expect_round_trip(std::map<std::string, int>{{"$bytes", 1}}, R"({"$map":[["$bytes",1]]})");
  expect_round_trip(std::map<int, std::string>{{1, "x"}}, R"({"$map":[[1,"x"]]})");
  expect_round_trip(std::map<std::string, int>{}, "{}");
  EXPECT_EQ(shown({"\x82\xa1"
                   "a\x01\xa1"
                   "a\x02",
                   {1, 0}}),
            R"({"$map":[["a",1],["a",2]]})")
      << "a key twice";
}

TEST(DocumentJson, NotANumberIsShown) {
  EXPECT_EQ(shown(document(std::numeric_limits<double>::quiet_NaN())), R"({"$float":"nan"})");
}

TEST(DocumentJson, ExtensionsAndForeignCodecsAreBytes) {
  EXPECT_EQ(shown({"\xd4\xff"
                   "a",
                   {1, 0}}),
            R"({"$ext":[-1,"YQ=="]})");
  EXPECT_EQ(shown({"\x01\x02", {first_own_codec, 5}}), R"({"$bytes":"AQI="})");
  const auto own = to_document(json::parse(R"({"$bytes":"AQI="})"), {.kind = StoredKind{first_own_codec, 5}});
  EXPECT_EQ(own.value(), (Document{"\x01\x02", {first_own_codec, 5}}));
  EXPECT_EQ(to_document(json::parse(R"({"$bytes":"AQI="})"), {.schema = "own:64:5"}).value(), own.value());
  EXPECT_THAT(refused("1", {.kind = StoredKind{first_own_codec, 5}}), HasSubstr("their own codec"));
}

TEST(DocumentJson, PlainValuesStandForThemselves) {
  EXPECT_EQ(to_document("v", {}).value(), document(std::string("v")));
  EXPECT_EQ(to_document(5, {}).value(), document(std::int64_t{5}));
  EXPECT_EQ(to_document(0.5, {}).value(), document(0.5));
  EXPECT_EQ(to_document(false, {}).value(), document(false));
  for (const std::string text : {"[1]", R"({"a":1})", "null"}) {
    EXPECT_THAT(refused(text, {}), HasSubstr("give its schema text")) << text;
  }
}

TEST(DocumentJson, OfAKnownPlainKindItIsOfThatKind) {
  const StoredKind real{messagepack_codec, Codec<double>::schema};
  EXPECT_EQ(to_document(5, {.kind = real}).value(), document(5.0)) << "5 is a double here";
  const StoredKind narrow{messagepack_codec, Codec<std::uint8_t>::schema};
  EXPECT_THAT(refused("256", {.kind = narrow}), HasSubstr("does not fit"));
  EXPECT_EQ(to_document(json::parse("[1.0,2.0]"), {.kind = StoredKind{1, Codec<Point>::schema}}).value(),
            document(Point{1, 2}))
      << "of others as it looks: the cache has the last word";
  EXPECT_THAT(refused("[1.0,2.0]", {StoredKind{1, Codec<Tree>::schema}, schema_text<Point>()}),
              HasSubstr("another type"));
}

TEST(DocumentJson, WhatDoesNotFitTheSchemaIsRefused) {
  const auto wrong = [](const std::string& text, const std::string& schema) {
    return refused(text, {.schema = schema});
  };
  EXPECT_THAT(wrong("\"a\"", "i64"), HasSubstr("a string where the schema has i64"));
  EXPECT_THAT(wrong("1.5", "i64"), HasSubstr("a fraction"));
  EXPECT_THAT(wrong("-1", "u64"), HasSubstr("does not fit"));
  EXPECT_THAT(wrong("-129", "i8"), HasSubstr("does not fit"));
  EXPECT_THAT(wrong("18446744073709551615", "i64"), HasSubstr("does not fit"));
  EXPECT_THAT(wrong("1e300", "f32"), HasSubstr("does not fit"));
  EXPECT_THAT(wrong("[1]", "(i64,i64)"), HasSubstr("an array of 1"));
  EXPECT_THAT(wrong("[1,2,3]", "[i64*2]"), HasSubstr("an array of 3"));
  EXPECT_THAT(wrong("[2,1]", "<i64|str>"), HasSubstr("[index, value]"));
  EXPECT_THAT(wrong("\"a\"", "bin"), HasSubstr("$bytes"));
  EXPECT_THAT(wrong(R"({"$bytes":"AQ=="})", "bin*2"), HasSubstr("1 bytes"));
  EXPECT_THAT(wrong(R"({"$bytes":"?"})", "bin"), HasSubstr("an object"));
  EXPECT_THAT(wrong("null", "str"), HasSubstr("null where"));
  EXPECT_THAT(wrong("[[[1]]]", "[[str]]"), HasSubstr("an array of 1 where the schema has str"));
  EXPECT_THAT(wrong("{}", "[str]"), HasSubstr("an object where"));
}

TEST(DocumentJson, SchemaTextsThatAreNoneAreRefusedWithThePlace) {
  for (const std::string text :
       {"", "int", "(i64", "[", "{str}", "<", "i64x", "bin*", "own:1", "own:1:5", "own:300:5", "d1", "^0",
        "^1", "str??x", "(i16,(i8,[^1]))", " str", "i7", "[i64*]"}) {
    const auto type = parse_schema(text);
    ASSERT_FALSE(type) << text;
    EXPECT_EQ(type.error(), Errc::invalid_argument);
    EXPECT_THAT(type.error().context, HasSubstr("at byte")) << text;
  }
  EXPECT_THAT(parse_schema(std::string(3000, '[')).error().context, HasSubstr("nested deeper"));
  EXPECT_FALSE(parse_schema("(" + std::string(5000, 'a')));
  for (const std::string text :
       {"str??", "()", "(i64,str,[f64])@7", "{i64:<nil|[bin*4]>}", "d1/1000", "t1/1f", "[f32*3]?"}) {
    EXPECT_TRUE(parse_schema(text)) << text;
  }
}

TEST(DocumentJson, HostileBytesAreErrorsNeverMore) {
  EXPECT_THAT(shown({"", {1, 0}}), HasSubstr("ends early"));
  EXPECT_THAT(shown({"\xdd\xff\xff\xff\xff", {1, 0}}), HasSubstr("ends early"));
  EXPECT_THAT(shown({"\xc6\xff\xff\xff\xff", {1, 0}}), HasSubstr("ends early"));
  EXPECT_THAT(shown({"\xc1", {1, 0}}), HasSubstr("malformed"));
  EXPECT_THAT(shown({"\x01\x02", {1, 0}}), HasSubstr("after the value"));
  EXPECT_THAT(shown({std::string(100'000, '\x91'), {1, 0}}), HasSubstr("nested deeper"));
  EXPECT_THAT(shown({std::string(127, '\x91') + "\x01", {1, 0}}), HasSubstr("[[[["));
  EXPECT_THAT(shown({std::string(max_shown_bytes + 1, 'x'), {1, 0}}), HasSubstr("are shown"));
}

TEST(DocumentJson, RandomBytesAreShownOrRefused) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const Document valid =
      document(std::map<std::string, std::vector<std::optional<double>>>{{"a", {1.5, {}}}, {"b", {}}});
  for (int i = 0; i < 50'000; ++i) {
    Document mutated = valid;
    if (i % 2 == 0) {
      mutated.payload.resize(random() % 40);
      for (char& c : mutated.payload) c = static_cast<char>(random());
    } else {
      mutated.payload[random() % mutated.payload.size()] = static_cast<char>(random());
    }
    if (const auto out = to_json(mutated)) (void)json::parse(json::serialize(*out), {}, {.max_depth = 300});
  }
}

TEST(TextJson, Utf8IsToldFromOtherBytes) {
  for (const std::string text : {"", "a", "\u00e9", "\u20ac", "\U0001f600", "\x7f"})
    EXPECT_TRUE(is_utf8(text));
  for (const std::string text :
       {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xe2\x82", "a\xff"}) {
    EXPECT_FALSE(is_utf8(text));
  }
}

TEST(TextJson, Base64GoesBothWays) {
  for (const std::string& text : std::vector<std::string>{"", "a", "ab", "abc", std::string("\0\xff", 2)}) {
    EXPECT_EQ(from_base64(to_base64(text)), text);
  }
  for (const std::string bad : {"a", "YQ", "YQ=", "YQ==x", "Y Q==", "?"})
    EXPECT_EQ(from_base64(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace terrace::service
