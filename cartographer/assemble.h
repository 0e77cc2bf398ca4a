// Puts a way to a destination together from what the ISPs publish: one class of each, exact prices (NetPaS §5.3).
// Pure: no clock, no network.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "cartographer/quote.h"
#include "core/directory/documents.h"

namespace netpas::cartographer {

enum class AssembleError {
    NoPath,        // no paid path leads there
    NoMenu,        // of an ISP on every path
    NoSuchClass,   // an ISP has no such class
    PriceTooHigh,  // no price code is large enough
};

struct AssembleFailure {
    AssembleError error = AssembleError::NoPath;
    IspId isp;                         // which it was about, for NoMenu and NoSuchClass
    std::string wanted;                // NoSuchClass: what was asked for
    std::vector<std::string> offered;  // and what there is
};

struct KnownMenu {
    std::string ispName;
    directory::Menu menu;
};
using Menus = std::map<IspId, KnownMenu>;

// Of several paths the first that can be bought; when the cheapest class is asked for, the cheapest path.
[[nodiscard]] tl::expected<Quote, AssembleFailure> assemble(const QuoteRequest& request,
                                                            const std::vector<directory::IspPath>& paths,
                                                            const Menus& menus, SystemTime now);

}  // namespace netpas::cartographer
