#include "core/x402/offer.h"

#include <charconv>

#include "core/plain_text.h"
#include "core/x402/text.h"

namespace netpas::x402 {

using nlohmann::json;

namespace {

constexpr size_t maxPurpose = 64;
constexpr size_t maxWords = 200;

tl::unexpected<OfferProblem> malformed(std::string detail) {
    return tl::unexpected(OfferProblem{OfferError::Malformed, std::move(detail)});
}

// `what`: the entry, for people.
tl::expected<Terms, OfferProblem> termsFrom(const json& entry, Version version, const std::string& what) {
    Terms terms;
    const auto isp = ispOf(textIn(entry, "network", 64));
    if (!isp) return malformed(what + ": network is not netpas: and the number of an ISP");
    terms.isp = *isp;
    const char* const amountName = version == Version::One ? "maxAmountRequired" : "amount";
    const auto amount = moneyFromNanodollars(textIn(entry, amountName, 20));
    if (!amount || *amount <= Money::zero())
        return malformed(what + ": " + amountName + " is no number of nanodollars");
    terms.amount = *amount;
    if (textIn(entry, "asset", 16) != asset) return malformed(what + ": asset is not USD");
    const auto payee = NodeId::parse(textIn(entry, "payTo", 64));
    if (!payee) return malformed(what + ": payTo is not the identifier of a payee, 64 hexadecimal digits");
    terms.payee = *payee;
    const json* const timeout = memberOf(entry, "maxTimeoutSeconds");
    const double seconds = timeout != nullptr && timeout->is_number() ? timeout->get<double>() : 0;
    if (!(seconds >= 1)) return malformed(what + ": maxTimeoutSeconds is less than a second");
    constexpr std::chrono::seconds longest = longestTimeout;
    terms.timeout =
        seconds < static_cast<double>(longest.count()) ? std::chrono::seconds(static_cast<int64_t>(seconds)) : longest;
    if (const json* const extra = memberOf(entry, "extra")) {
        terms.purpose = textIn(*extra, "purpose", maxPurpose);
        terms.certificate = textIn(*extra, "certificate", maxUrl);
    }
    terms.asOffered = dump(entry);
    return terms;
}

tl::expected<void, OfferProblem> addEntry(Offer& offer, const json& entry, size_t index) {
    const std::string what = "accepts[" + std::to_string(index) + "]";
    if (!entry.is_object()) return malformed(what + " is no object");
    const std::string network = textIn(entry, "network", 128), named = textIn(entry, "scheme", 128);
    if (named != scheme || !network.starts_with(networkFamily)) {
        const auto word = [](const std::string& text) { return text.empty() ? std::string("?") : text; };
        offer.others.push_back(word(named) + " on " + word(network));
        return {};
    }
    auto terms = termsFrom(entry, offer.version, what);
    if (!terms) return tl::unexpected(terms.error());
    if (offer.version == Version::One) {
        const std::string url = textIn(entry, "resource", maxUrl);
        if (url.empty() || (!offer.url.empty() && offer.url != url)) {
            return malformed(what + ": resource is missing, too long or another one than before");
        }
        offer.url = url;
        offer.description = textIn(entry, "description", maxWords);
    }
    offer.terms.push_back(std::move(*terms));
    return {};
}

json entryOf(const Terms& terms, const Offer& offer) {
    json entry{{"scheme", scheme},
               {"network", networkOf(terms.isp)},
               {offer.version == Version::One ? "maxAmountRequired" : "amount", nanodollarsOf(terms.amount)},
               {"asset", asset},
               {"payTo", terms.payee.hex()},
               {"maxTimeoutSeconds", terms.timeout.count()}};
    json extra{{"version", "1.0.0"}};
    if (!terms.purpose.empty()) extra["purpose"] = terms.purpose;
    if (!terms.certificate.empty()) extra["certificate"] = terms.certificate;
    entry["extra"] = std::move(extra);
    if (offer.version == Version::One) {
        entry["resource"] = offer.url;
        entry["description"] = offer.description;
        entry["mimeType"] = "";
    }
    return entry;
}

}  // namespace

std::string_view describe(OfferError error) {
    switch (error) {
    case OfferError::TooLarge: return "the offer is too long";
    case OfferError::NotBase64: return "the offer is not base64";
    case OfferError::NotJson: return "the offer is not JSON";
    case OfferError::TooDeep: return "the offer is nested too deeply";
    case OfferError::OtherVersion: return "the offer is of another version of x402 than 1 and 2";
    case OfferError::Malformed: return "the offer is garbled";
    case OfferError::OtherNetwork: return "the site does not take payments through NetPaS";
    }
    return {};
}

std::string_view remedy(OfferError error) {
    switch (error) {
    case OfferError::OtherVersion:
    case OfferError::OtherNetwork: return "pay the site in one of the ways that it takes";
    case OfferError::TooLarge:
    case OfferError::NotBase64:
    case OfferError::NotJson:
    case OfferError::TooDeep:
    case OfferError::Malformed: return "try again later, or tell the site's owner; nothing was paid";
    }
    return {};
}

std::optional<IspId> ispOf(std::string_view network) {
    if (!network.starts_with(networkFamily)) return std::nullopt;
    network.remove_prefix(networkFamily.size());
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(network.data(), network.data() + network.size(), number);
    const bool canonical = error == std::errc{} && end == network.data() + network.size() && network.front() != '0';
    if (!canonical || number > UINT16_MAX) return std::nullopt;
    return IspId{static_cast<uint16_t>(number)};
}

std::string networkOf(IspId isp) { return std::string(networkFamily) + std::to_string(isp.value()); }

tl::expected<Offer, OfferProblem> decodeOffer(std::string_view header) {
    if (header.size() > maxHeader) return tl::unexpected(OfferProblem{OfferError::TooLarge, {}});
    const auto bytes = fromBase64(header);
    if (!bytes) return tl::unexpected(OfferProblem{OfferError::NotBase64, {}});
    return decodeOfferJson({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
}

tl::expected<Offer, OfferProblem> decodeOfferJson(std::string_view text) {
    if (text.size() > maxBody) return tl::unexpected(OfferProblem{OfferError::TooLarge, {}});
    if (!isShallow(text)) return tl::unexpected(OfferProblem{OfferError::TooDeep, {}});
    const json parsed = json::parse(text, nullptr, false);
    if (!parsed.is_object()) return tl::unexpected(OfferProblem{OfferError::NotJson, {}});
    const json* const version = memberOf(parsed, "x402Version");
    const bool known = version != nullptr && (*version == 1 || *version == 2);
    if (!known) return tl::unexpected(OfferProblem{OfferError::OtherVersion, {}});
    Offer offer;
    offer.version = *version == 1 ? Version::One : Version::Two;
    if (offer.version == Version::Two) {
        const json* const resource = memberOf(parsed, "resource");
        if (resource != nullptr) {
            offer.url = textIn(*resource, "url", maxUrl);
            offer.description = textIn(*resource, "description", maxWords);
        }
        if (offer.url.empty()) return malformed("resource.url is missing or too long");
    }
    const json* const accepts = memberOf(parsed, "accepts");
    if (accepts == nullptr || !accepts->is_array() || accepts->empty() || accepts->size() > maxAccepts) {
        return malformed("accepts is no list of 1 to " + std::to_string(maxAccepts));
    }
    for (size_t i = 0; i < accepts->size(); ++i) {
        if (auto added = addEntry(offer, (*accepts)[i], i); !added) return tl::unexpected(added.error());
    }
    if (!offer.terms.empty()) return offer;
    std::string takes;
    for (const std::string& other : offer.others) takes += (takes.empty() ? "it takes " : ", ") + other;
    return tl::unexpected(OfferProblem{OfferError::OtherNetwork, toPlainText(takes, maxWords)});
}

std::string encodeOfferJson(const Offer& offer, std::string_view error) {
    json accepts = json::array();
    for (const Terms& terms : offer.terms) accepts.push_back(entryOf(terms, offer));
    json body{{"x402Version", static_cast<int>(offer.version)}, {"accepts", std::move(accepts)}};
    if (!error.empty()) body["error"] = error;
    if (offer.version == Version::Two) body["resource"] = {{"url", offer.url}, {"description", offer.description}};
    return dump(body);
}

std::string encodeOffer(const Offer& offer, std::string_view error) {
    const std::string text = encodeOfferJson(offer, error);
    return toBase64({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

}  // namespace netpas::x402
