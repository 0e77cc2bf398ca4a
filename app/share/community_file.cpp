#include "app/share/community_file.h"

#include <sys/stat.h>
#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "core/crypto/hex.h"

namespace netpas::dht {

namespace {

// The first mistake is told; what comes after it is not looked at.
class Fields {
public:
    Fields(const toml::table& table, std::string file) : m_table(table), m_file(std::move(file)) {}

    std::string text(std::string_view key, const std::string& example) {
        const toml::node* const node = m_table.get(key);
        m_known.emplace(key);
        const auto value = node != nullptr ? node->value<std::string>() : std::nullopt;
        if (!value) wrong(node, std::string(key) + " must be a text such as " + example);
        return value.value_or("");
    }
    int64_t number(std::string_view key, int64_t least, int64_t most, int64_t otherwise) {
        const toml::node* const node = m_table.get(key);
        m_known.emplace(key);
        if (node == nullptr) return otherwise;
        const auto value = node->value<int64_t>();
        if (!node->is_integer() || !value || *value < least || *value > most)
            wrong(node,
                  std::string(key) + " must be a number from " + std::to_string(least) + " to " + std::to_string(most));
        return value.value_or(otherwise);
    }
    std::vector<std::string> texts(std::string_view key, const std::string& example) {
        const toml::node* const node = m_table.get(key);
        m_known.emplace(key);
        std::vector<std::string> all;
        const toml::array* const list = node != nullptr ? node->as_array() : nullptr;
        if (list == nullptr) {
            wrong(node, std::string(key) + " must be a list such as [" + example + "]");
            return all;
        }
        for (const toml::node& entry : *list) {
            if (const auto value = entry.value<std::string>()) {
                all.push_back(*value);
            } else {
                wrong(&entry, "in " + std::string(key) + " there must be texts such as " + example);
            }
        }
        return all;
    }
    void wrong(std::string_view key, const std::string& what) { wrong(m_table.get(key), what); }
    std::optional<std::string> finish() {
        for (const auto& [key, node] : m_table) {
            if (!m_known.contains(std::string(key.str())))
                wrong(&node, "unknown key '" + std::string(key.str()) + "'; remove it");
        }
        return m_problem;
    }

private:
    void wrong(const toml::node* at, const std::string& what) {
        if (m_problem) return;
        m_problem = m_file + (at != nullptr ? ":" + std::to_string(at->source().begin.line) : "") + ": " + what;
    }
    const toml::table& m_table;
    std::string m_file;
    std::set<std::string, std::less<>> m_known;
    std::optional<std::string> m_problem;
};

void takeMembers(Fields& fields, CommunityFile& out) {
    for (const std::string& text : fields.texts("members", "\"<64 hexadecimal digits>\"")) {
        const auto key = PublicKey::parse(text);
        if (!key) {
            fields.wrong("members", "'" + text + "' is not a key; on that machine: netpasd --show-share-key");
        } else if (std::find(out.members.begin(), out.members.end(), *key) == out.members.end()) {
            out.members.push_back(*key);
        }
    }
    if (out.members.empty() || out.members.size() > share::Community::maxMembers)
        fields.wrong("members", "members must have 1 to " + std::to_string(share::Community::maxMembers) + " keys");
}

}  // namespace

tl::expected<CommunityFile, std::string> parseCommunity(std::string_view text, const std::string& file) {
    toml::table table;
    try {
        table = toml::parse(text, file);
    } catch (const toml::parse_error& error) {
        return tl::unexpected(file + ":" + std::to_string(error.source().begin.line) + ": " +
                              std::string(error.description()));
    }
    Fields fields(table, file);
    CommunityFile out;
    out.name = fields.text("name", "\"our office\"");
    if (!fromHex(fields.text("secret", "\"<64 hexadecimal digits>\""), out.secret))
        fields.wrong("secret", "secret must be 64 hexadecimal digits, the same for all members: openssl rand -hex 32");
    takeMembers(fields, out);
    out.bootstrap = fields.texts("bootstrap", "\"192.0.2.10:46726\"");
    for (const std::string& host : out.bootstrap) {
        const size_t colon = host.rfind(':');
        if (colon == std::string::npos || colon == 0 || colon + 1 == host.size() || host.front() == '-')
            fields.wrong("bootstrap", "'" + host + "' is not HOST:PORT");
    }
    constexpr int64_t anyPort = 65535;
    out.port = static_cast<uint16_t>(fields.number("port", 0, anyPort, out.port));
    out.network = static_cast<uint32_t>(fields.number("network", 0, UINT32_MAX, 0));
    constexpr int64_t longest = 300;
    out.publishEvery = std::chrono::seconds(fields.number("publish_seconds", 1, longest, out.publishEvery.count()));
    if (auto problem = fields.finish()) return tl::unexpected(std::move(*problem));
    return out;
}

tl::expected<CommunityFile, std::string> loadCommunity(const std::filesystem::path& file) {
    struct stat info {};
    if (::stat(file.c_str(), &info) != 0) return tl::unexpected(file.string() + " is not there");
    constexpr mode_t others = 07;
    if ((info.st_mode & others) != 0)
        return tl::unexpected(file.string() +
                              " holds the community's secret and others may read it: chmod o= " + file.string());
    std::ifstream in(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in.good() && !in.eof()) return tl::unexpected(file.string() + " cannot be read");
    return parseCommunity(text, file.string());
}

}  // namespace netpas::dht
