// The compiled part of Boost.Redis, once for the whole project.
#include <boost/redis/src.hpp>
