// An answer without an end, line by line as it comes: the reader's side of http_stream.h.
#pragma once

#include "core/net/http_client.h"

namespace netpas::net {

struct HttpLines {
    std::string target = "/";
    std::chrono::milliseconds toBegin{10000};
    std::chrono::milliseconds longestSilence{60000};  // longer: whoever speaks is gone
    size_t longestLine = size_t{16} << 20;
    std::function<void(std::string line)> line;  // without its newline
    // Once. What was answered instead of a stream, or why there is no more of it.
    std::function<void(HttpAnswer)> ended;
};

// On the io_context's thread, until the other end ends it or the io_context stops.
void httpLines(boost::asio::io_context& io, const HttpTarget& target, HttpLines lines);

}  // namespace netpas::net
