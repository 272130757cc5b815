#include <gtest/gtest.h>

#include <terrace/result.hpp>

#include "redis/redis_url.hpp"

namespace terrace::redis {
namespace {

TEST(RedisUrl, TheParts) {
  const auto url = parse_redis_url("redis://us%65r:p%40ss%3A%2F%23@cache.example:6380/12");
  EXPECT_EQ(url.transport, Transport::tcp);
  EXPECT_EQ(url.host, "cache.example");
  EXPECT_EQ(url.port, "6380");
  EXPECT_EQ(url.user, "user");
  EXPECT_EQ(url.password, "p@ss:/#");
  EXPECT_EQ(url.database, 12U);
  EXPECT_EQ(url.label(), "cache.example:6380");
}

TEST(RedisUrl, WhatMayBeLeftOut) {
  const auto url = parse_redis_url("REDISS://h");
  EXPECT_EQ(url.transport, Transport::tls);
  EXPECT_EQ(url.port, "6379");
  EXPECT_EQ(url.password, std::nullopt);
  EXPECT_EQ(url.database, 0U);
  EXPECT_EQ(parse_redis_url("redis://h/").database, 0U);
  EXPECT_EQ(parse_redis_url("redis://:secret@h").password, "secret");
  EXPECT_EQ(parse_redis_url("redis://:secret@h").user, "");
  EXPECT_EQ(parse_redis_url("redis://user:@h").password, "");
  EXPECT_EQ(parse_redis_url("redis://:a:b@h").password, "a:b");
}

TEST(RedisUrl, Ipv6StandsInBrackets) {
  const auto url = parse_redis_url("redis://[::1]:7000");
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, "7000");
  EXPECT_EQ(url.label(), "[::1]:7000");
  EXPECT_EQ(parse_redis_url("redis://[fe80::1]").port, "6379");
}

TEST(RedisUrl, UnixSockets) {
  const auto url = parse_redis_url("unix://u:p@/run/re%64is.sock?db=3");
  EXPECT_EQ(url.transport, Transport::unix_socket);
  EXPECT_EQ(url.path, "/run/redis.sock");
  EXPECT_EQ(url.user, "u");
  EXPECT_EQ(url.database, 3U);
  EXPECT_EQ(url.label(), "/run/redis.sock");
  EXPECT_EQ(parse_redis_url("redis+unix:///s").path, "/s");
}

struct Bad {
  std::string url;
  std::string says;  // what the message names
};

class BadRedisUrl : public ::testing::TestWithParam<Bad> {};

TEST_P(BadRedisUrl, IsRefusedByItsPartWithoutThePassword) {
  try {
    parse_redis_url(GetParam().url);
    FAIL() << "accepted: " << GetParam().url;
  } catch (const ConfigError& e) {
    const std::string message = e.what();
    EXPECT_NE(message.find(GetParam().says), std::string::npos) << message;
    EXPECT_EQ(message.find("s3cret"), std::string::npos) << message;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BadRedisUrl,
    ::testing::Values(
        Bad{"", "empty"}, Bad{"localhost", "no scheme"}, Bad{"localhost:6379", "no scheme"},
        Bad{"redis:/h", "no scheme"}, Bad{"http://:s3cret@h", "the scheme is unknown"},
        Bad{"://h", "the scheme is unknown"}, Bad{"redis://", "host is missing"},
        Bad{"redis://:s3cret@", "host is missing"}, Bad{"redis://:s3cret@:6379", "host is missing"},
        Bad{"redis://h:", "the port is not a number"}, Bad{"redis://:s3cret@h:0", "the port is not a number"},
        Bad{"redis://h:65536", "the port is not a number"}, Bad{"redis://h:-1", "the port is not a number"},
        Bad{"redis://h:6379x", "the port is not a number"}, Bad{"redis://h:99999999999999999999", "port"},
        Bad{"redis://::1", "IPv6"}, Bad{"redis://[::1", "not closed"},
        Bad{"redis://[::g]", "no IPv6 address"}, Bad{"redis://[fe80::1%25eth0]", "has a zone"},
        Bad{"redis://[fe80::1%eth0]", "has a zone"}, Bad{"redis://[::1]6379", "port"},
        Bad{"redis://h/x", "the database is not a number"},
        Bad{"redis://h/-1", "the database is not a number"},
        Bad{"redis://h/1/2", "the database is not a number"}, Bad{"redis://h/99999999999", "database"},
        Bad{"redis://h?db=1", "the database goes into the path"}, Bad{"redis://:s3cret@h#f", "#"},
        Bad{"redis://:s3cret#x@h", "#"}, Bad{"redis://:s3cret@x@h", "more than one @"},
        Bad{"redis://s3cret@h", "no password"}, Bad{"redis://user:s3cret/more@h", "%2F"},
        Bad{"redis://:s3cret%4@h", "password"}, Bad{"redis://u%zz:s3cret@h", "user"},
        Bad{"redis://:s3cret h@h", "byte 15"}, Bad{"redis://h\r\nFLUSHALL", "byte 9"},
        Bad{std::string("redis://h\0", 10), "byte 9"}, Bad{"redis://h\xc3\xa4", "byte 9"},
        Bad{"redis://h%00", "host"}, Bad{"redis://h%2fx", "host"}, Bad{"unix://host/path", "no host"},
        Bad{"unix://", "path"}, Bad{"unix:///", "path"}, Bad{"unix:///a%00b", "NUL"},
        Bad{"unix:///s?database=1", "db=N"}, Bad{"unix:///s?db=x", "the database is not a number"},
        Bad{"unix:///s?db=", "the database is not a number"},
        Bad{"unix:///" + std::string(200, 'p'), "201 bytes"}));

}  // namespace
}  // namespace terrace::redis
