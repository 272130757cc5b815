/// The only file in which Boost.JSON itself is compiled.

#include <boost/json/src.hpp>
