// A class of an ISP, as somebody sells it.
#pragma once

#include <compare>

#include "core/ids.h"

namespace netpas {

struct SoldClass {
    IspId isp;
    ServiceClass service;
    friend constexpr auto operator<=>(const SoldClass&, const SoldClass&) = default;
};

}  // namespace netpas
