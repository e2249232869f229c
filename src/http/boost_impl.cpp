// The only translation unit with the non-template code of Asio.
#include <boost/asio/impl/src.hpp>
