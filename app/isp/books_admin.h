// The admin socket's part about bills, audits, frozen accounts and complaints (core/accounting/PROTOCOL.md). The server's thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "core/accounting/server.h"
#include "core/net/http.h"

namespace netpas::audit {
class Exporter;
}

namespace netpas::isp {

class BooksAdmin {
public:
    // Both must outlive it.
    BooksAdmin(accounting::AccountingServer& server, const Identity& identity);
    ~BooksAdmin();
    // Nothing when the request is not about that.
    [[nodiscard]] std::optional<net::HttpResponse> answer(const net::HttpRequest& request);

private:
    [[nodiscard]] net::HttpResponse compare(const std::string& body);
    [[nodiscard]] net::HttpResponse settle(const std::string& body);
    [[nodiscard]] net::HttpResponse complain(const std::string& body);
    [[nodiscard]] net::HttpResponse freeze(const net::HttpRequest& request);
    [[nodiscard]] net::HttpResponse beginExport();
    [[nodiscard]] net::HttpResponse nextOfExport(const std::string& id);

    accounting::AccountingServer& m_server;
    const Identity& m_identity;
    std::unique_ptr<audit::Exporter> m_export;  // one at a time: a newer one takes its place
    uint64_t m_exportNumber = 0;
};

}  // namespace netpas::isp
