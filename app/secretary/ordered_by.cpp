#include "app/secretary/ordered_by.h"

#include <pwd.h>

#include <array>
#include <cstdio>
#include <memory>

namespace netpas::secretaryd {

namespace {

// Not through the name service: its modules open sockets, which the sandbox does not let them.
std::string userName(uint32_t uid) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/etc/passwd", "re"), std::fclose);
    std::array<char, 4096> text{};
    passwd entry{};
    passwd* found = nullptr;
    while (file && ::fgetpwent_r(file.get(), &entry, text.data(), text.size(), &found) == 0) {
        if (entry.pw_uid == uid) return entry.pw_name;
    }
    return std::to_string(uid);
}

}  // namespace

void orderedBy(ledger::NewPurchase& purchase, uint32_t uid, const std::string& node) {
    purchase.uid = uid;
    purchase.context.node = node;
    // A device's user is a number of this machine, and nobody of it.
    purchase.context.user = node.empty() ? userName(uid) : std::string();
}

}  // namespace netpas::secretaryd
