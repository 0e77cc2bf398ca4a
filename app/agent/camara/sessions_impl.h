// What the parts of Sessions share: sessions.cpp looks after them, buying.cpp buys. Only these include it.
#pragma once

#include "app/agent/camara/sessions.h"

namespace netpas::agent::camara {

// Empty: there is none, or it is no text.
[[nodiscard]] std::string textIn(const nlohmann::json& object, const char* name);

struct Sessions::Impl : std::enable_shared_from_this<Impl> {
    explicit Impl(SessionsContext given) : context(std::move(given)) {}

    struct Entry {
        Session session;
        bool making = true;   // nobody has been told of it yet
        bool busy = false;    // its purchases are being looked at or renewed
        int32_t process = 0;  // that asks while it is being made
    };
    // What became of buying flows.
    struct Outcome {
        std::optional<Fault> fault;
        bool sold = true;
        bool pending = false;
        std::string trouble;
    };
    using Bought = std::function<void(const Outcome&)>;

    SessionsContext context;
    std::map<std::string, Entry> all;
    app::Timers::Id timer = 0;

    [[nodiscard]] SystemTime now() const { return context.clock.now(); }
    Entry* entry(const std::string& id) {
        const auto found = all.find(id);
        return found == all.end() ? nullptr : &found->second;
    }
    void load();
    void store() const;
    void ask(const Entry& entry, const std::string& method, const std::string& path, const nlohmann::json& body,
             const std::string& key, std::function<void(const net::HttpResponse&, const nlohmann::json&)> done);

    [[nodiscard]] std::optional<Fault> objection(const Session& session) const;
    void buyFlow(const std::string& id, size_t index, bool onlyThis, Bought done);
    void buyOffer(const std::string& id, size_t index, bool onlyThis, Bought done);
    void bought(const std::string& id, size_t index, bool onlyThis, const net::HttpResponse& response,
                const nlohmann::json& body, Bought done);
    void undo(uint32_t uid, const std::string& purchase);
    void made(const std::string& id, const Outcome& outcome, const Done& done);
    void stopPurchases(const Entry& entry, std::function<void()> done);

    void available(Session& session);
    void end(Entry& entry, StatusInfo info, const std::string& trouble);
    void tell(const Session& session) const;

    void arm();
    void look();
    void judge(const std::string& id, const std::map<std::string, nlohmann::json>& open);
    void judged(const std::string& id, size_t index, const nlohmann::json& purchase);
    void renew(const std::string& id, size_t index);
};

}  // namespace netpas::agent::camara
