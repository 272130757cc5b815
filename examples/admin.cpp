// An endpoint for operators inside the program: status page, metrics for Prometheus, health, and a JSON API.
// In this example the program sends the requests to itself.
#include <boost/asio/ip/tcp.hpp>
#include <iostream>
#include <sstream>
#include <terrace/admin.hpp>
#include <terrace/cache.hpp>

/// The whole answer to a GET. Outside of this example use curl: curl http://127.0.0.1:9390/readyz
std::string ask(unsigned short port, const std::string& path, const std::string& headers = {}) {
  boost::asio::ip::tcp::iostream connection("127.0.0.1", std::to_string(port));
  connection << "GET " << path << " HTTP/1.0\r\n" << headers << "\r\n" << std::flush;
  std::ostringstream answer;
  answer << connection.rdbuf();
  return answer.str();
}

int main() {
  using namespace std::chrono_literals;
  const std::string token = "from-a-file-or-the-environment";

  terrace::Cache<std::string> users({.name = "users", .ttl = 10min});

  // Port 0 is any free port. On a server use the default, 127.0.0.1:9390.
  terrace::AdminServer admin({.listen = "127.0.0.1:0", .token = token});
  admin.add(users);

  // Lets operators fill the cache: POST /api/v1/caches/users/warm {"keys": ["41", "42"]}
  admin.add_warming("users", [&users](auto keys, auto stop, auto done) {
    terrace::Warmer<std::string> warmer(users);
    warmer.add_keys(std::move(keys), [](std::string_view key) { return "user " + std::string(key); });
    warmer.start(std::move(done), std::move(stop));
  });

  users.set("42", "Ada Lovelace").value();
  (void)users.get("42");

  std::cout << "status page: " << admin.url() << '\n';
  std::cout << ask(admin.port(), "/readyz") << "\n\n";
  std::cout << ask(admin.port(), "/metrics").substr(0, 400) << "\n…\n\n";
  const std::string entry = "/api/v1/caches/users/entry?key=42";
  std::cout << ask(admin.port(), entry) << "\n\n";  // refused: values are shown only with the token
  const std::string shown = ask(admin.port(), entry, "Authorization: Bearer " + token + "\r\n");
  std::cout << shown << '\n';
  return shown.find("\"value\":\"Ada Lovelace\"") == std::string::npos ? 1 : 0;
}
