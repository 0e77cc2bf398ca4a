#include "app/payee/payee_config.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "app/isp/toml_fields.h"
#include "core/plain_text.h"
#include "core/x402/site.h"

namespace netpas::payee {

using isp::ConfigProblem;
using isp::Problems;
using isp::TomlFields;
using Need = TomlFields::Need;

namespace {

constexpr size_t longestWord = 64, longestDescription = 200;

std::filesystem::path fileIn(const std::filesystem::path& folder, const std::optional<std::string>& name) {
    return name && !name->empty() ? folder / *name : std::filesystem::path();
}

void readPrice(const toml::table& table, SiteSettings& site, Problems& problems) {
    TomlFields fields(table, "[[site.price]]", problems);
    PricedPath price;
    price.path = fields.text("path").value_or("");
    if (price.path.empty() || price.path.front() != '/')
        fields.problem("path", "'path' must begin with a slash: \"/comics/*\"");
    price.below = price.path.ends_with("*");
    if (price.below) price.path.pop_back();
    price.amount = fields.money("amount").value_or(Money::zero());
    if (price.amount <= Money::zero()) fields.problem("amount", "'amount' must be more than nothing, such as \"0.05\"");
    if (price.amount.eighths() % Money::eighthsPerNanodollar != 0) {
        fields.problem("amount", "'amount' must be a whole number of nanodollars: at most 9 decimals");
    }
    price.purpose = fields.text("purpose", Need::Optional).value_or("");
    price.description = fields.text("description", Need::Optional).value_or("");
    if (!isPlainText(price.purpose) || price.purpose.size() > longestWord || !isPlainText(price.description) ||
        price.description.size() > longestDescription) {
        fields.problem("purpose", "'purpose' (64 bytes) and 'description' (200) must be short plain text");
    }
    constexpr int64_t longest = std::chrono::seconds(x402::longestTimeout).count();
    price.timeout = std::chrono::seconds(fields.number("timeout_s", 1, longest, Need::Optional).value_or(300));
    site.prices.push_back(std::move(price));
}

SiteSettings readSite(const toml::table& table, const std::filesystem::path& folder, Problems& problems) {
    TomlFields fields(table, "[site]", problems);
    SiteSettings site;
    if (const auto at = fields.endpoint("listen", Need::Required)) site.listen.push_back(*at);
    site.url = fields.text("url").value_or("");
    while (site.url.ends_with('/')) site.url.pop_back();
    if (!x402::siteOf(site.url) || site.url.size() > 200) {
        fields.problem("url", "'url' is how buyers reach the site, such as \"https://comics.example\"");
    }
    site.root = fileIn(folder, fields.text("root", Need::Optional));
    site.upstream = fileIn(folder, fields.text("upstream", Need::Optional));
    if (site.root.empty() == site.upstream.empty()) {
        fields.problem("root",
                       "[site] needs either 'root', a folder of files, or 'upstream', the Unix socket of a web server");
    }
    constexpr int64_t largest = int64_t{64} << 20;
    site.mostBytes = static_cast<size_t>(
        fields.number("most_bytes", 1024, largest, Need::Optional).value_or(static_cast<int64_t>(site.mostBytes)));
    if (const auto version = fields.number("version", 1, 2, Need::Optional)) {
        site.versions = {*version == 1 ? x402::Version::One : x402::Version::Two};
    }
    for (const toml::table* const price : fields.tables("price")) readPrice(*price, site, problems);
    if (site.prices.empty()) fields.problem("price", "[site] sells nothing: add a [[site.price]] with path and amount");
    return site;
}

FacilitatorSettings readFacilitator(const toml::table& table, const std::filesystem::path& folder, Problems& problems) {
    TomlFields fields(table, "[facilitator]", problems);
    FacilitatorSettings facilitator;
    facilitator.listen = fields.endpoint("listen");
    facilitator.socket = fileIn(folder, fields.text("socket", Need::Optional));
    facilitator.group = fields.text("group", Need::Optional).value_or("");
    facilitator.tokenFile = fileIn(folder, fields.text("token", Need::Optional));
    if (!facilitator.listen && facilitator.socket.empty()) {
        fields.problem("listen", "[facilitator] needs 'listen', such as \"127.0.0.1:4021\", or 'socket'");
    }
    return facilitator;
}

PayeeSettings read(const toml::table& root, const std::filesystem::path& folder, Problems& problems) {
    TomlFields fields(root, "the file", problems);
    PayeeSettings settings;
    const auto url = fields.text("isp");
    const auto join = url ? directory::parseJoinUrl(*url) : tl::unexpected(directory::DocumentError{});
    if (url && !join) fields.problem("isp", "'isp' must be https://ADDRESS:PORT/#KEY as your ISP gave it to you");
    if (join) settings.isp = *join;
    settings.stateFolder = fileIn(folder, fields.text("state_dir"));
    settings.user = fields.text("user", Need::Optional).value_or(settings.user);
    settings.certificate = fileIn(folder, fields.text("certificate", Need::Optional));
    constexpr int64_t month = 24 * 31;
    settings.rules.window = std::chrono::hours(
        fields.number("redeliver_hours", 1, month, Need::Optional).value_or(settings.rules.window.count()));
    settings.rules.mostShows = static_cast<uint32_t>(
        fields.number("most_deliveries", 1, 100'000, Need::Optional).value_or(settings.rules.mostShows));
    if (const toml::table* const table = fields.table("facilitator", Need::Optional)) {
        settings.facilitator = readFacilitator(*table, folder, problems);
    }
    if (const toml::table* const table = fields.table("site", Need::Optional)) {
        settings.site = readSite(*table, folder, problems);
    }
    if (!settings.facilitator && !settings.site) {
        fields.problem("site", "nobody could pay: add [facilitator] for a web server's own 402, or [site]");
    }
    return settings;
}

}  // namespace

tl::expected<PayeeSettings, std::vector<ConfigProblem>> parsePayeeConfig(const std::string& text,
                                                                         const std::string& file) {
    Problems problems(file);
    try {
        const toml::table root = toml::parse(text, file);
        PayeeSettings settings = read(root, std::filesystem::path(file).parent_path(), problems);
        if (!problems.any()) return settings;
    } catch (const toml::parse_error& error) {
        problems.add(error.source().begin.line, "not TOML: " + std::string(error.description()));
    }
    return tl::unexpected(problems.take());
}

tl::expected<PayeeSettings, std::vector<ConfigProblem>> readPayeeConfig(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in) {
        return tl::unexpected(
            std::vector<ConfigProblem>{{file, 0, "cannot be read; name a readable file with --config"}});
    }
    return parsePayeeConfig(text, file);
}

}  // namespace netpas::payee
