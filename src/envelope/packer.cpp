#define MSGPACK_NO_BOOST
#include <bit>
#include <limits>
#include <msgpack.hpp>
#include <terrace/detail/envelope/packer.hpp>

namespace terrace::detail {
namespace {

/// The stream that msgpack's packer writes to.
struct Sink {
  Bytes& out;
  void write(const char* data, std::size_t size) { out.append(data, size); }
};

template <class F>
void pack(Bytes& out, F&& write) {
  Sink sink{out};
  msgpack::packer<Sink> packer(sink);
  write(packer);
}

/// Floats are written here, because msgpack's packer turns whole ones into integers (and -0 into 0).
template <class Word>
void append_big_endian(Bytes& out, Word word) {
  for (int shift = 8 * sizeof(Word) - 8; shift >= 0; shift -= 8) out += static_cast<char>(word >> shift);
}

}  // namespace

void Packer::nil() {
  pack(out_, [](auto& to) { to.pack_nil(); });
}

void Packer::boolean(bool value) {
  pack(out_, [&](auto& to) { value ? to.pack_true() : to.pack_false(); });
}

void Packer::integer(std::int64_t value) {
  pack(out_, [&](auto& to) { to.pack_int64(value); });
}

void Packer::integer_unsigned(std::uint64_t value) {
  pack(out_, [&](auto& to) { to.pack_uint64(value); });
}

void Packer::real(float value) {
  out_ += '\xca';
  append_big_endian(out_, std::bit_cast<std::uint32_t>(value));
}

void Packer::real(double value) {
  out_ += '\xcb';
  append_big_endian(out_, std::bit_cast<std::uint64_t>(value));
}

void Packer::text(BytesView value) {
  if (!fits(value.size(), "a string")) return;
  pack(out_, [&](auto& to) { to.pack_str(static_cast<std::uint32_t>(value.size())); });
  out_.append(value);
}

void Packer::bytes(BytesView value) {
  if (!fits(value.size(), "a byte string")) return;
  pack(out_, [&](auto& to) { to.pack_bin(static_cast<std::uint32_t>(value.size())); });
  out_.append(value);
}

bool Packer::array(std::size_t count) {
  if (!fits(count, "a sequence") || !enter()) return false;
  pack(out_, [&](auto& to) { to.pack_array(static_cast<std::uint32_t>(count)); });
  return true;
}

bool Packer::map(std::size_t count) {
  if (!fits(count, "a map") || !enter()) return false;
  pack(out_, [&](auto& to) { to.pack_map(static_cast<std::uint32_t>(count)); });
  return true;
}

bool Packer::enter() {
  if (++depth_ <= max_depth) return ok();
  return fail("containers nested deeper than " + std::to_string(max_depth));
}

bool Packer::fits(std::size_t count, const char* what) {
  if (count <= std::numeric_limits<std::uint32_t>::max()) return true;
  return fail(std::string(what) + " of " + std::to_string(count) +
              " is longer than MessagePack allows (2^32 - 1)");
}

bool Packer::fail(std::string why) {
  if (why_.empty()) why_ = std::move(why);
  return false;
}

Result<void> Packer::result() const {
  if (ok()) return {};
  return Error(Errc::unencodable, why_);
}

}  // namespace terrace::detail
