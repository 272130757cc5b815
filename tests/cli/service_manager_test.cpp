// What terrace serve tells systemd, on a socket as systemd's.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <regex>

#include "cli/program.hpp"
#include "support/http_client.hpp"

namespace terrace::cli_test {
namespace {

using ::testing::HasSubstr;

/// A datagram socket that programs started while it lives find in NOTIFY_SOCKET. "@name": an abstract one.
class NotifySocket {
 public:
  explicit NotifySocket(const std::string& name)
      : descriptor_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), length), 0);
    // A program that says nothing fails the test, instead of holding it up.
    const timeval limit{20, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~NotifySocket() {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(descriptor_);
  }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  /// The next message, when it is there; none: none came.
  [[nodiscard]] std::optional<std::string> receive(int flags = 0) const {
    std::array<char, 4096> text{};
    const ssize_t size = ::recv(descriptor_, text.data(), text.size(), flags);
    if (size < 0) return std::nullopt;
    return std::string(text.data(), static_cast<std::size_t>(size));
  }

 private:
  int descriptor_;
};

class ServiceManager : public ::testing::Test {
 protected:
  [[nodiscard]] std::string config(const std::string& text = "[caches.users]\nttl = \"10m\"\n") const {
    return folder_.file("terrace.toml", "[admin]\nlisten = \"127.0.0.1:0\"\n" + text);
  }

  static void expect_ready_and_stopping(const NotifySocket& socket, Program& program) {
    const std::string ready = socket.receive().value_or("nothing");
    std::smatch found;
    const std::regex message("READY=1\nSTATUS=serving 1 cache at http://127\\.0\\.0\\.1:([0-9]+)");
    ASSERT_TRUE(std::regex_match(ready, found, message)) << ready << program.err();
    // No wait between the two: it is ready when it says so.
    testing::HttpClient client(static_cast<unsigned short>(std::stoul(found[1])));
    EXPECT_EQ(client.request("GET", "/readyz").status, 200U);
    EXPECT_EQ(socket.receive(MSG_DONTWAIT), std::nullopt) << "it is not about to end";
    program.signal(SIGTERM);
    EXPECT_EQ(socket.receive(), "STOPPING=1");
    const Ended ended = program.wait();
    EXPECT_EQ(ended.code, 0);
    EXPECT_EQ(ended.err.find("NOTIFY_SOCKET"), std::string::npos) << ended.err;
  }

  const TempFolder folder_;
};

TEST_F(ServiceManager, HearsWhenItListensAndWhenItEnds) {
  const NotifySocket socket(folder_.path("notify"));
  Program program({"serve", "--config", config()});
  expect_ready_and_stopping(socket, program);
}

TEST_F(ServiceManager, MayHaveAnAbstractSocket) {
  const NotifySocket socket("@terrace-test-" + std::to_string(::getpid()));
  Program program({"serve", "--config", config()});
  expect_ready_and_stopping(socket, program);
}

TEST_F(ServiceManager, HearsNothingOfAServiceThatCannotStart) {
  const NotifySocket socket(folder_.path("notify"));
  EXPECT_EQ(terrace({"serve", "--config", config("[caches.users]\nttl = 600\n")}).code, 2);
  EXPECT_EQ(socket.receive(MSG_DONTWAIT), std::nullopt);
}

TEST_F(ServiceManager, ThatIsGoneDoesNotStopTheService) {
  for (const std::string& path : {folder_.path("nobody"), std::string("no-path"), std::string(200, '/')}) {
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    Program program({"serve", "--config", config()});
    ::unsetenv("NOTIFY_SOCKET");
    ASSERT_TRUE(
        testing::eventually([&] { return program.err().find("Ctrl-C ends it") != std::string::npos; }));
    EXPECT_THAT(program.err(), HasSubstr("NOTIFY_SOCKET=" + path + " cannot be notified"));
    program.signal(SIGTERM);
    EXPECT_EQ(program.wait().code, 0);
  }
}

}  // namespace
}  // namespace terrace::cli_test
