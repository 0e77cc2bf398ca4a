#include "core/ids.h"

#include "core/crypto/hex.h"

namespace netpas {

std::optional<NodeId> NodeId::parse(std::string_view hex) {
    std::array<uint8_t, size> bytes{};
    if (!fromHex(hex, bytes)) return std::nullopt;
    return NodeId(bytes);
}

std::string NodeId::hex() const { return toHex(m_bytes); }

}  // namespace netpas
