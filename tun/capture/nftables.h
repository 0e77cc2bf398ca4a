// The kernel's packet filter by libnftables. Works in the network namespace of the thread that opened it. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

struct nft_ctx;

namespace netpas::tun {

class Nftables {
public:
    [[nodiscard]] bool open();
    // All commands in one transaction.
    [[nodiscard]] bool run(const std::string& commands);
    // What listing commands say, as JSON.
    [[nodiscard]] std::optional<std::string> ask(const std::string& commands);
    // The first line of libnftables' complaint about the last run() or ask().
    [[nodiscard]] std::string complaint() const;

private:
    struct Free {
        void operator()(nft_ctx* context) const;
    };
    std::unique_ptr<nft_ctx, Free> m_context;
};

}  // namespace netpas::tun
