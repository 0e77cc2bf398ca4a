#include "app/cli/test_purchase.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <utility>

#include "app/cli/answers.h"

namespace netpas::cli {

using nlohmann::json;

bool someoneIsHere() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1; }

bool agreedTo(const std::string& cost) {
    std::fprintf(stderr, "%sGo on? [y/N] ", cost.c_str());
    std::string line;
    std::getline(std::cin, line);
    return line == "y" || line == "Y" || line == "yes";
}

tl::expected<TestPurchase, Problem> TestPurchase::buy(const Client& client, const json& wish) {
    if (wish.is_null()) return TestPurchase(client, {});
    const auto answer = client.call("POST", "/v1/purchases", wish);
    if (!answer) return tl::unexpected(answer.error());
    if (answer->status == 202)
        return tl::unexpected(
            Problem{Exit::Pending, "PENDING", "somebody has to agree to the purchase first", "netpas pending"});
    return TestPurchase(client, textAt(answer->body, "id"));
}

json TestPurchase::end() {
    if (m_id.empty()) return nullptr;
    const std::string target = "/v1/purchases/" + std::exchange(m_id, {});
    auto answer = m_client->call("DELETE", target);
    for (int i = 0; i < 50 && answer && answer->body.value("charged", json()).is_null(); ++i) {
        ::usleep(100'000);
        answer = m_client->call("GET", target);
    }
    return answer ? answer->body.value("charged", json()) : json();
}

}  // namespace netpas::cli
