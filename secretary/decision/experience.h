// What was learnt from each user's answers, kept over restarts (NetPaS §5.3). One thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "core/store/documents.h"
#include "secretary/learning/engine.h"
#include "secretary/spend_request.h"

namespace netpas::secretary::decision {

[[nodiscard]] learning::Request learningRequest(const SpendRequest& request);

class Experience {
public:
    static constexpr size_t mostLoaded = 16;  // users in memory; others are read when they ask

    explicit Experience(store::Documents& documents) : m_documents(documents) {}
    ~Experience();
    Experience(const Experience&) = delete;
    Experience& operator=(const Experience&) = delete;

    // Of the user of this machine or device. A state that cannot be read is left alone, and nothing is decided from it.
    [[nodiscard]] std::optional<learning::Decision> decide(const SpendRequest& request, SystemTime now);
    // The same without a trace, for a request that was seen before.
    [[nodiscard]] std::optional<learning::Decision> decideAgain(const SpendRequest& request, SystemTime now);
    // Durable when it returns true.
    bool observe(const SpendRequest& request, learning::Answer answer, SystemTime now);
    [[nodiscard]] std::vector<learning::RuleProposal> proposals(uint32_t uid, const std::string& node, SystemTime now);
    // Writes what decide() changed since it was last written.
    bool flush();

private:
    struct Known {
        std::unique_ptr<learning::Engine> engine;  // null: its state cannot be read
        bool changed = false;
        uint64_t used = 0;
    };
    [[nodiscard]] Known& of(uint32_t uid, const std::string& node);
    bool write(const std::string& id, Known& known);

    store::Documents& m_documents;
    std::map<std::string, Known> m_known;
    uint64_t m_uses = 0;
};

}  // namespace netpas::secretary::decision
