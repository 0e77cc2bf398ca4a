// Neighbours and agreements with them as the API has them.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "app/secretary/neighbour_desk.h"

namespace netpas::secretary::contacts {
class ContactBook;
}

namespace netpas::secretaryd {

// `contacts` may be null.
[[nodiscard]] nlohmann::json agreementJson(const AgreementView& view, const secretary::contacts::ContactBook* contacts);
[[nodiscard]] nlohmann::json neighboursJson(const NeighbourDesk& desk, SteadyTime now,
                                            const secretary::contacts::ContactBook* contacts);

struct NewAgreement {
    std::string neighbour;  // an identifier or a contact's name
    AgreementWish wish;     // without the neighbour
};
[[nodiscard]] tl::expected<NewAgreement, BadField> newAgreementFromJson(const nlohmann::json& object);

}  // namespace netpas::secretaryd
