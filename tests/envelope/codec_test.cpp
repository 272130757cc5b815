#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <terrace/codec.hpp>

#include "envelope/samples.hpp"

namespace {

/// Not an aggregate: only a codec of its own makes it storable.
class Money {
 public:
  Money() = default;
  explicit Money(std::int64_t cents) : cents_(cents) {}
  [[nodiscard]] std::int64_t cents() const { return cents_; }
  bool operator==(const Money&) const = default;

 private:
  std::int64_t cents_ = 0;
};

struct Invoice {
  std::string customer;
  std::vector<Money> lines;
  bool operator==(const Invoice&) const = default;
};

struct Place {
  double longitude = 0, latitude = 0;
};
struct PlaceInNewOrder {
  static constexpr unsigned terrace_schema = 2;
  double latitude = 0, longitude = 0;
};

}  // namespace

template <>
struct terrace::Codec<Money> {
  static constexpr std::uint8_t id = first_own_codec;
  static constexpr std::uint64_t schema = 7;
  static Result<void> encode(const Money& value, Bytes& out) {
    if (value.cents() < 0) return Error(Errc::unencodable, "a debt");
    out += std::to_string(value.cents());
    return {};
  }
  static Result<Money> decode(BytesView bytes) {
    if (bytes.empty() || bytes.find_first_not_of("0123456789") != bytes.npos)
      return Error(Errc::corrupt, "no digits");
    return Money(std::stoll(std::string(bytes)));
  }
};

namespace terrace {
namespace {

using namespace std::string_literals;
using namespace std::chrono_literals;
using samples::Everything;
using samples::Inner;
using samples::Tree;

template <class V>
Bytes encoded(const V& value) {
  Bytes out;
  Codec<V>::encode(value, out).value();
  return out;
}

template <class V>
Errc refusal(BytesView bytes) {
  const Result<V> decoded = Codec<V>::decode(bytes);
  EXPECT_FALSE(decoded.has_value());
  if (decoded) return Errc{};
  EXPECT_FALSE(decoded.error().context.empty());
  return static_cast<Errc>(decoded.error().code.value());
}

std::uint64_t test_seed() {
  const char* given = std::getenv("TERRACE_SEED");
  const std::uint64_t seed = given != nullptr ? std::stoull(given) : std::random_device{}();
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  return seed;
}

TEST(Codec, WritesTheDocumentedBytes) {
  EXPECT_EQ(encoded(true), "\xc3");
  EXPECT_EQ(encoded(std::int64_t{5}), "\x05");
  EXPECT_EQ(encoded(-1), "\xff");
  EXPECT_EQ(encoded(std::uint32_t{70'000}), "\xce\x00\x01\x11\x70"s);
  EXPECT_EQ(encoded(1.5F), "\xca\x3f\xc0\x00\x00"s);
  EXPECT_EQ(encoded(2.0), "\xcb\x40\0\0\0\0\0\0\0"s);
  EXPECT_EQ(encoded("né"s), "\xa3n\xc3\xa9");
  EXPECT_EQ(encoded(std::vector<std::byte>{std::byte{1}}), "\xc4\x01\x01");
  EXPECT_EQ(encoded(std::vector<int>{1, 2}), "\x92\x01\x02");
  EXPECT_EQ(encoded(std::map<std::string, int>{{"a", 1}}), "\x81\xa1\x61\x01");
  EXPECT_EQ(encoded(Inner{7, "x"}), "\x92\x07\xa1x");
  EXPECT_EQ(encoded(Inner{7, {}}), "\x92\x07\xc0");
  EXPECT_EQ(encoded(std::variant<int, std::string>("x")), "\x92\x01\xa1x");
  EXPECT_EQ(encoded(std::chrono::milliseconds(3)), "\x03");
  EXPECT_EQ(encoded(std::optional<std::optional<int>>(std::in_place)), "\x91\xc0");
  EXPECT_EQ(encoded(Tree{1, {Tree{2, {}}}}), "\x92\x01\x91\x92\x02\x90");
  EXPECT_EQ(encoded(samples::Empty{}), "\x90");
}

TEST(Codec, SchemaTextIsTheStructure) {
  EXPECT_EQ(schema_text<bool>(), "bool");
  EXPECT_EQ(schema_text<char>(), "u8");
  EXPECT_EQ(schema_text<samples::Colour>(), "u8");
  EXPECT_EQ((schema_text<std::pair<int, std::string>>()), "(i32,str)");
  EXPECT_EQ(schema_text<Inner>(), "(i32,str?)");
  EXPECT_EQ(schema_text<Tree>(), "(i16,[^1])");
  EXPECT_EQ(schema_text<std::vector<Tree>>(), "[(i16,[^1])]");
  EXPECT_EQ(schema_text<std::unique_ptr<float>>(), "f32?");
  EXPECT_EQ((schema_text<std::map<std::string, std::array<double, 3>>>()), "{str:[f64*3]}");
  EXPECT_EQ((schema_text<std::variant<std::monostate, std::vector<char>, std::array<std::byte, 8>>>()),
            "<nil|bin|bin*8>");
  EXPECT_EQ(schema_text<std::chrono::milliseconds>(), "d1/1000");
  EXPECT_EQ((schema_text<std::chrono::duration<double>>()), "d1/1f");
  EXPECT_EQ(schema_text<std::chrono::sys_time<std::chrono::seconds>>(), "t1/1");
  EXPECT_EQ(schema_text<Invoice>(), "(str,[own:64:7])");
  EXPECT_EQ(schema_text<Place>(), "(f64,f64)");
  EXPECT_EQ(schema_text<PlaceInNewOrder>(), "(f64,f64)@2");
  EXPECT_EQ(
      schema_text<Everything>(),
      "(bool,u8,i8,i64,u16,u64,f32,f64,u8,str,bin,bin*4,[bool],[i32],[(i32,str?)],[u32*3],[str],[i64],"
      "{str:[f64]},{u32:(i32,str?)},(i32,str),(bool,f64,()),<nil|i64|str|(i32,str?)>,d1/1000,t1/1,i32??,"
      "(i16,[^1]))");
}

TEST(Codec, FingerprintIsFnv1aOfTheText) {
  // FNV-1a 64 of "a" and of "foobar" are published test vectors.
  detail::Fingerprint a;
  a.append("a");
  EXPECT_EQ(a.value(), 0xaf63dc4c8601ec8cU);
  detail::Fingerprint foobar;
  foobar.append("foobar");
  EXPECT_EQ(foobar.value(), 0x85944171f73967e8U);
  detail::Fingerprint everything;
  everything.append(schema_text<Everything>());
  EXPECT_EQ(everything.value(), Codec<Everything>::schema);
  EXPECT_NE(Codec<Place>::schema, Codec<PlaceInNewOrder>::schema);
}

TEST(Codec, RoundTripsRandomValues) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(seed));
  samples::Draw draw(seed);
  for (int i = 0; i < 500; ++i) {
    const Everything value = draw.everything();
    const Bytes bytes = encoded(value);
    const Result<Everything> back = Codec<Everything>::decode(bytes);
    ASSERT_TRUE(back.has_value()) << back.error().message();
    ASSERT_EQ(*back, value);
  }
}

TEST(Codec, RoundTripsTheEdges) {
  const auto same = [](const auto& value) {
    using V = std::remove_cvref_t<decltype(value)>;
    EXPECT_EQ(Codec<V>::decode(encoded(value)).value(), value);
  };
  same(std::numeric_limits<std::int64_t>::min());
  same(std::numeric_limits<std::int64_t>::max());
  same(std::numeric_limits<std::uint64_t>::max());
  same(std::numeric_limits<std::int8_t>::min());
  same(std::numeric_limits<float>::denorm_min());
  same(std::numeric_limits<double>::infinity());
  same(""s);
  same("\0\xff"s);
  same(std::string(70'000, 'x'));
  same(std::vector<std::uint16_t>(70'000, 9));
  same(std::vector<std::byte>{});
  same(std::optional<std::monostate>());
  same(std::optional<std::monostate>(std::monostate{}));
  same(std::chrono::duration<double>(1.25));
  EXPECT_TRUE(std::signbit(Codec<double>::decode(encoded(-0.0)).value()));
  EXPECT_TRUE(std::isnan(Codec<float>::decode(encoded(std::nanf(""))).value()));
}

TEST(Codec, CopiesWhatSmartPointersPointTo) {
  EXPECT_EQ(*Codec<std::unique_ptr<int>>::decode(encoded(std::make_unique<int>(4))).value(), 4);
  EXPECT_EQ(*Codec<std::shared_ptr<const int>>::decode(encoded(std::make_shared<const int>(4))).value(), 4);
  EXPECT_EQ(Codec<std::unique_ptr<int>>::decode("\xc0").value(), nullptr);
}

TEST(Codec, OwnCodecsWorkAloneAndInside) {
  const Invoice invoice{"Ada", {Money(100), Money(250)}};
  EXPECT_EQ(Codec<Invoice>::decode(encoded(invoice)).value(), invoice);
  EXPECT_EQ(encoded(Money(12)), "12");
  Bytes out;
  EXPECT_EQ(Codec<Invoice>::encode({"Ada", {Money(-1)}}, out).error(), Errc::unencodable);
  EXPECT_EQ(refusal<Invoice>("\x92\xa1x\x91\xc4\x01x"), Errc::incompatible);
}

TEST(Codec, RefusesOtherKindsRangesAndCounts) {
  EXPECT_EQ(refusal<std::string>("\x05"), Errc::incompatible);
  EXPECT_EQ(refusal<int>("\xa1x"), Errc::incompatible);
  EXPECT_EQ(refusal<bool>("\x01"), Errc::incompatible);
  EXPECT_EQ(refusal<double>("\x01"), Errc::incompatible);
  EXPECT_EQ(refusal<std::int8_t>(encoded(128)), Errc::incompatible);
  EXPECT_EQ(refusal<std::int8_t>(encoded(-129)), Errc::incompatible);
  EXPECT_EQ(refusal<std::uint8_t>(encoded(256)), Errc::incompatible);
  EXPECT_EQ(refusal<std::uint64_t>(encoded(-1)), Errc::incompatible);
  EXPECT_EQ(refusal<std::int64_t>(encoded(std::numeric_limits<std::uint64_t>::max())), Errc::incompatible);
  EXPECT_EQ(refusal<float>(encoded(0.1)), Errc::incompatible);
  EXPECT_EQ(refusal<float>(encoded(1e300)), Errc::incompatible);
  EXPECT_EQ(Codec<float>::decode(encoded(0.5)).value(), 0.5F);
  EXPECT_EQ(refusal<Inner>("\x91\x07"), Errc::incompatible);
  EXPECT_EQ(refusal<Inner>("\x93\x07\xc0\xc0"), Errc::incompatible);
  EXPECT_EQ((refusal<std::array<int, 2>>("\x93\x01\x02\x03")), Errc::incompatible);
  EXPECT_EQ((refusal<std::array<std::byte, 2>>("\xc4\x01x")), Errc::incompatible);
  EXPECT_EQ((refusal<std::variant<int, bool>>("\x92\x02\x01")), Errc::incompatible);
  EXPECT_EQ(refusal<std::set<int>>("\x92\x01\x01"), Errc::incompatible);
  EXPECT_EQ((refusal<std::map<int, int>>("\x82\x01\x01\x01\x02")), Errc::incompatible);
  EXPECT_EQ(refusal<std::vector<int>>("\xc7\x01\x05x"), Errc::incompatible);
}

TEST(Codec, RefusesWhatIsNotWholeMessagePack) {
  EXPECT_EQ(refusal<int>(""), Errc::corrupt);
  EXPECT_EQ(refusal<int>("\x05\x05"), Errc::corrupt);
  EXPECT_EQ(refusal<int>("\xc1"), Errc::corrupt);
  const Bytes whole = encoded(samples::Draw(1).everything());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(refusal<Everything>(BytesView(whole).substr(0, size)), Errc::corrupt) << "cut at " << size;
  }
  EXPECT_EQ(refusal<Everything>(whole + '\0'), Errc::corrupt);
}

TEST(Codec, A30_RefusesLengthBombsBeforeAllocating) {
  EXPECT_EQ(refusal<std::string>("\xdb\xff\xff\xff\xff"), Errc::corrupt);
  EXPECT_EQ(refusal<std::vector<std::byte>>("\xc6\xff\xff\xff\xff"), Errc::corrupt);
  EXPECT_EQ(refusal<std::vector<int>>("\xdd\xff\xff\xff\xff"), Errc::corrupt);
  EXPECT_EQ((refusal<std::map<int, int>>("\xdf\xff\xff\xff\xff")), Errc::corrupt);
}

TEST(Codec, A31_RefusesDeepNesting) {
  Bytes deep;
  for (int i = 0; i < 1'000'000; ++i) deep += "\x92\x01\x91";
  EXPECT_EQ(refusal<Tree>(deep), Errc::corrupt);
  EXPECT_EQ(refusal<int>(deep), Errc::incompatible);
  Tree chain;
  for (int i = 0; i < 60; ++i) chain = Tree{1, {chain}};
  EXPECT_EQ(Codec<Tree>::decode(encoded(chain)).value(), chain);
  for (int i = 0; i < 10; ++i) chain = Tree{1, {chain}};
  Bytes out;
  EXPECT_EQ(Codec<Tree>::encode(chain, out).error(), Errc::unencodable);
}

TEST(Codec, A39_SurvivesEveryMutation) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("TERRACE_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const Bytes whole = encoded(samples::Draw(seed).everything());
  for (int i = 0; i < 20'000; ++i) {
    Bytes mutant = whole;
    for (std::size_t n = random() % 3; n < 3; ++n)
      mutant[random() % mutant.size()] = static_cast<char>(random());
    const Result<Everything> decoded = Codec<Everything>::decode(mutant);
    if (!decoded) continue;
    const Result<Everything> again = Codec<Everything>::decode(encoded(*decoded));
    EXPECT_TRUE(again.has_value());
  }
}

}  // namespace
}  // namespace terrace
