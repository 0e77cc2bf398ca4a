// The books of several accounting servers of one ISP as one (NetPaS Figure 6).
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace netpas::isp {

// What GET /v1/books or /v1/invoices answered at each. Amounts and counts are added; "between_servers" says what the servers
// owe each other, which is nothing in sum once everything has arrived. An error is for people.
[[nodiscard]] tl::expected<std::string, std::string> mergeBooks(const std::vector<std::string>& books);

}  // namespace netpas::isp
