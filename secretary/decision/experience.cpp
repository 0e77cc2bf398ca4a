#include "secretary/decision/experience.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "core/crypto/hex.h"

namespace netpas::secretary::decision {

namespace {

constexpr std::string_view kind = "learning";

std::string idOf(uint32_t uid, const std::string& node) {
    if (node.empty()) return std::to_string(uid);
    std::array<uint8_t, 16> digest{};
    ::crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const uint8_t*>(node.data()), node.size(),
                         nullptr, 0);
    return std::to_string(uid) + "@" + toHex(digest);
}

}  // namespace

learning::Request learningRequest(const SpendRequest& request) {
    learning::Request asked;
    asked.fields = {request.app, request.purpose, request.payee, request.group, request.domain};
    asked.price = request.price;
    asked.unit = request.unit;
    return asked;
}

Experience::~Experience() { flush(); }

Experience::Known& Experience::of(uint32_t uid, const std::string& node) {
    const std::string id = idOf(uid, node);
    if (const auto found = m_known.find(id); found != m_known.end()) {
        found->second.used = ++m_uses;
        return found->second;
    }
    if (m_known.size() >= mostLoaded) {
        const auto oldest = std::min_element(
            m_known.begin(), m_known.end(), [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
        write(oldest->first, oldest->second);
        m_known.erase(oldest);
    }
    Known fresh;
    fresh.used = ++m_uses;
    if (const auto stored = m_documents.all(kind)) {
        const auto mine = std::find_if(stored->begin(), stored->end(),
                                       [&](const store::Document& document) { return document.id == id; });
        if (mine == stored->end()) {
            fresh.engine = std::make_unique<learning::Engine>();
        } else if (auto restored = learning::Engine::restore(mine->body)) {
            fresh.engine = std::make_unique<learning::Engine>(std::move(*restored));
        }
    }
    return m_known.emplace(id, std::move(fresh)).first->second;
}

bool Experience::write(const std::string& id, Known& known) {
    if (!known.changed || !known.engine) return true;
    if (!m_documents.put({std::string(kind), id, known.engine->save()})) return false;
    known.changed = false;
    return true;
}

std::optional<learning::Decision> Experience::decide(const SpendRequest& request, SystemTime now) {
    Known& known = of(request.uid, request.node);
    if (!known.engine) return std::nullopt;
    known.changed = true;
    return known.engine->decide(learningRequest(request), now);
}

std::optional<learning::Decision> Experience::decideAgain(const SpendRequest& request, SystemTime now) {
    const Known& known = of(request.uid, request.node);
    if (!known.engine) return std::nullopt;
    learning::Engine trial = *known.engine;
    return trial.decide(learningRequest(request), now);
}

bool Experience::observe(const SpendRequest& request, learning::Answer answer, SystemTime now) {
    Known& known = of(request.uid, request.node);
    if (!known.engine) return false;
    known.engine->observe(learningRequest(request), answer, now);
    known.changed = true;
    return write(idOf(request.uid, request.node), known);
}

std::vector<learning::RuleProposal> Experience::proposals(uint32_t uid, const std::string& node, SystemTime now) {
    const Known& known = of(uid, node);
    if (!known.engine) return {};
    return known.engine->proposals(now);
}

bool Experience::flush() {
    bool all = true;
    for (auto& [id, known] : m_known) all = write(id, known) && all;
    return all;
}

}  // namespace netpas::secretary::decision
