// Better service for a measurement alone: asked about first, ended after it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include <tl/expected.hpp>

#include "app/cli/client.h"

namespace netpas::cli {

// Whether a person is here who can be asked.
[[nodiscard]] bool someoneIsHere();
// Shows `cost`, lines with their ends, and asks.
[[nodiscard]] bool agreedTo(const std::string& cost);

class TestPurchase {
public:
    // `wish` as POST /v1/purchases takes it; null: nothing is bought.
    [[nodiscard]] static tl::expected<TestPurchase, Problem> buy(const Client& client, const nlohmann::json& wish);
    // What was charged; null when nothing was bought or it is not settled yet.
    nlohmann::json end();
    [[nodiscard]] bool any() const { return !m_id.empty(); }

private:
    TestPurchase(const Client& client, std::string id) : m_client(&client), m_id(std::move(id)) {}
    const Client* m_client;
    std::string m_id;
};

}  // namespace netpas::cli
