#include "tun/capture/nftables.h"

#include <nftables/libnftables.h>

namespace netpas::tun {

void Nftables::Free::operator()(nft_ctx* context) const { nft_ctx_free(context); }

bool Nftables::open() {
    m_context.reset(nft_ctx_new(NFT_CTX_DEFAULT));
    if (!m_context) return false;
    nft_ctx_buffer_error(m_context.get());
    nft_ctx_buffer_output(m_context.get());
    return true;
}

bool Nftables::run(const std::string& commands) {
    return nft_run_cmd_from_buffer(m_context.get(), commands.c_str()) == 0;
}

std::optional<std::string> Nftables::ask(const std::string& commands) {
    const unsigned before = nft_ctx_output_get_flags(m_context.get());
    nft_ctx_output_set_flags(m_context.get(), before | NFT_CTX_OUTPUT_JSON);
    const bool done = run(commands);
    nft_ctx_output_set_flags(m_context.get(), before);
    const char* text = nft_ctx_get_output_buffer(m_context.get());
    if (!done || text == nullptr) return std::nullopt;
    return text;
}

std::string Nftables::complaint() const {
    const std::string text = nft_ctx_get_error_buffer(m_context.get());
    return text.substr(0, text.find('\n'));
}

}  // namespace netpas::tun
