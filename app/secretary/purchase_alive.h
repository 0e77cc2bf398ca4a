// Inside the purchase service only.
#pragma once

#include <memory>
#include <utility>

#include "app/secretary/purchase_service.h"

namespace netpas::secretaryd {

// Callbacks of ports may come after the service is gone.
template <typename Function>
auto PurchaseService::whileAlive(Function function) {
    return [alive = std::weak_ptr<bool>(m_alive), function = std::move(function)](auto&&... arguments) {
        if (!alive.expired()) function(std::forward<decltype(arguments)>(arguments)...);
    };
}

}  // namespace netpas::secretaryd
