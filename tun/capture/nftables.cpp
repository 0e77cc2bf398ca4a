#include "tun/capture/nftables.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <sys/socket.h>

#include <cstdlib>
#include <memory>

namespace netpas::tun {

namespace {

// libnftables lets programs that this process starts have its socket, and a table that goes with its owner's socket would outlive us in them. It does not say
// which one it is: this is true of all sockets of its kind.
void keepFromChildren() {
    struct Close {
        void operator()(DIR* folder) const { closedir(folder); }
    };
    const std::unique_ptr<DIR, Close> folder(opendir("/proc/self/fd"));
    if (!folder) return;
    while (const dirent* entry = readdir(folder.get())) {
        char* end = nullptr;
        const long descriptor = std::strtol(entry->d_name, &end, 10);
        if (end == entry->d_name) continue;
        const int fd = static_cast<int>(descriptor);
        int domain = 0, protocol = 0;
        socklen_t size = sizeof domain;
        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_NETLINK) continue;
        size = sizeof protocol;
        if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) != 0 || protocol != NETLINK_NETFILTER) continue;
        const int flags = fcntl(fd, F_GETFD);
        if (flags >= 0) (void)fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
    }
}

}  // namespace

void Nftables::Free::operator()(nft_ctx* context) const { nft_ctx_free(context); }

bool Nftables::open() {
    m_context.reset(nft_ctx_new(NFT_CTX_DEFAULT));
    if (!m_context) return false;
    keepFromChildren();
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
