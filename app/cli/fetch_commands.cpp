// netpas fetch: content of the web, also such as is sold with status 402 (core/x402). The money is the secretary's business: it turns
// an offer into a proof. Here only the proof is shown, again and again until the content has come whole.
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>

#include "app/cli/answers.h"
#include "app/cli/content_file.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "app/cli/web_request.h"
#include "core/net/http.h"
#include "core/x402/receipt.h"
#include "core/x402/site.h"

namespace netpas::cli {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

constexpr int mostRedirects = 5;
constexpr int mostRefusals = 6;  // of a good proof: the payee's ISP may be slower than ours
constexpr milliseconds firstPause{100}, longestPause{2000};
constexpr uint64_t longestCertificate = 96 * 1024;

struct Given {
    std::string url, output, maxPrice, purpose, key, authorities, patience = "2m", wait, forget;
    uint64_t mostBytes = 100'000'000;
    bool list = false;
};
using Shared = std::shared_ptr<Given>;

// Nothing is kept: for what is only read.
class Text final : public Content {
public:
    bool restart() override {
        m_text.clear();
        return true;
    }
    bool take(std::span<const char> part) override {
        m_text.append(part.data(), part.size());
        return true;
    }
    [[nodiscard]] const std::string& text() const { return m_text; }

private:
    std::string m_text;
};

// What the site says of why it does not take a proof.
std::string refusalText(const WebReply& reply) {
    if (const auto receipt = x402::decodeReceipt(reply.receipt); receipt && !receipt->reason.empty())
        return receipt->reason;
    const json said = json::parse(reply.body, nullptr, false);
    return textAt(said, "error");
}

class Fetch {
public:
    Fetch(const Client& client, const Given& given, ContentFile& file, seconds patience, seconds wait,
          Progress& progress)
        : m_client(client),
          m_progress(progress),
          m_given(given),
          m_file(file),
          m_url(given.url),
          m_end(steady_clock::now() + patience),
          m_wait(wait) {}

    tl::expected<json, Problem> run();

private:
    using Step = tl::expected<bool, Problem>;  // whether the content is there

    [[nodiscard]] milliseconds left() const {
        return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(m_end - steady_clock::now()));
    }
    [[nodiscard]] bool paid() const { return !at(m_order, {"header"}).is_null(); }
    [[nodiscard]] Problem problem(Exit exit, const char* code, std::string message, std::string hint) const;
    [[nodiscard]] std::optional<Problem> again(const std::string& why);
    void lookUp();
    Step look();
    Step follow(const WebReply& reply);
    Step refused(const WebReply& reply);
    std::optional<Problem> pay(const WebReply& reply);
    tl::expected<Answer, Problem> ask(json body) const;
    [[nodiscard]] std::string certificateOf(const x402::Terms& terms) const;
    std::optional<Problem> awaitDecision();
    std::optional<Problem> deliver();

    const Client& m_client;
    Progress& m_progress;
    const Given& m_given;
    ContentFile& m_file;
    std::string m_url;
    steady_clock::time_point m_end;
    seconds m_wait;
    json m_order;  // as the secretary says
    WebReply m_reply;
    milliseconds m_pause = firstPause;
    int m_requests = 0, m_redirects = 0, m_refusals = 0;
};

Problem Fetch::problem(Exit exit, const char* code, std::string message, std::string hint) const {
    // Never let anybody believe that the money is gone.
    if (paid()) {
        message += "; it is paid for and will not be paid for again";
        if (hint.empty()) hint = "netpas fetch " + m_url + (m_given.key.empty() ? "" : " --id " + m_given.key);
    }
    return {exit, code, std::move(message), std::move(hint)};
}

// Pauses before the next request; the problem when there is no time for one.
std::optional<Problem> Fetch::again(const std::string& why) {
    if (left() <= m_pause)
        return problem(Exit::Failed, "UNREACHABLE", m_url + ": " + why, paid() ? "" : "try again later");
    m_progress.now("fetching again; " + harmless(why));
    std::this_thread::sleep_for(m_pause);
    m_pause = std::min(m_pause * 2, longestPause);
    return std::nullopt;
}

// Whether this was paid for already, and has not come yet. Without a secretary, free content can still be had.
void Fetch::lookUp() {
    const std::string query = "?url=" + net::encodeQueryValue(m_url) +
                              (m_given.key.empty() ? "" : "&key=" + net::encodeQueryValue(m_given.key));
    const auto known = m_client.call("GET", "/v1/content" + query);
    if (!known) return;
    const json orders = at(known->body, {"orders"});
    if (!orders.is_array() || orders.empty()) return;
    const bool over = textAt(orders[0], "state") == "delivered" && m_given.key.empty();
    const bool same = textAt(orders[0], "url") == m_url;
    if (!over && same) m_order = orders[0];
}

Fetch::Step Fetch::follow(const WebReply& reply) {
    if (++m_redirects > mostRedirects) {
        return tl::unexpected(
            problem(Exit::Failed, "REDIRECTS", m_url + " leads on and on", "ask for the address itself"));
    }
    const auto from = x402::siteOf(m_url), to = x402::siteOf(reply.redirect);
    if (!to || (from && from->secure && !to->secure)) {
        return tl::unexpected(problem(Exit::Failed, "REDIRECTS",
                                      m_url + " leads to where nothing is safe: " + reply.redirect,
                                      "ask for that address itself"));
    }
    // A proof is shown to nobody but who was paid.
    m_order = nullptr;
    m_url = reply.redirect;
    lookUp();
    return false;
}

std::string Fetch::certificateOf(const x402::Terms& terms) const {
    const auto listed = m_client.call("GET", "/v1/directory/payees/" + terms.payee.hex());
    if (listed) {
        if (const std::string pem = at(listed->body, {"pem"}).is_string() ? listed->body["pem"].get<std::string>() : "";
            !pem.empty())
            return pem;
    }
    const auto own = x402::siteOf(m_url), named = x402::siteOf(terms.certificate);
    if (!own || !named || own->host != named->host) return {};
    Text text;
    const auto got = webGet({terms.certificate, std::nullopt, m_given.authorities, longestCertificate,
                             std::min(left(), milliseconds(seconds(10)))},
                            text);
    return got && got->status == 200 ? text.text() : std::string();
}

tl::expected<Answer, Problem> Fetch::ask(json body) const {
    return m_client.call("POST", "/v1/content", body, m_given.key);
}

std::optional<Problem> Fetch::pay(const WebReply& reply) {
    const bool second = !reply.required.empty();
    const auto offer = second ? x402::decodeOffer(reply.required) : x402::decodeOfferJson(reply.body);
    if (!offer) {
        const x402::OfferProblem& wrong = offer.error();
        return problem(Exit::Failed, "BAD_OFFER",
                       std::string(describe(wrong.error)) + (wrong.detail.empty() ? "" : ": " + harmless(wrong.detail)),
                       std::string(remedy(wrong.error)));
    }
    json body{{"url", m_url}, {"offer", second ? json(reply.required) : json::parse(reply.body)}};
    if (!m_given.maxPrice.empty()) body["max_price"] = m_given.maxPrice;
    if (!m_given.purpose.empty()) body["purpose"] = m_given.purpose;
    // Who types a command waits for what it asks; a script does not.
    if (::isatty(STDERR_FILENO) == 1) body["attended"] = true;
    auto answer = ask(body);
    if (!answer && answer.error().code == "NOT_CERTIFIED") {
        const std::string pem = certificateOf(offer->terms.front());
        if (!pem.empty()) {
            body["certificate"] = pem;
            answer = ask(std::move(body));
        }
    }
    if (!answer) return answer.error();
    m_order = std::move(answer->body);
    return paid() ? std::nullopt : awaitDecision();
}

// Of a person, or of the ISP after a lost connection. Nothing is paid twice meanwhile.
std::optional<Problem> Fetch::awaitDecision() {
    const auto end = steady_clock::now() + m_wait;
    for (;;) {
        const std::string state = textAt(m_order, "state"), decision = textAt(at(m_order, {"payment"}), "decision");
        if (paid()) return std::nullopt;
        if (state == "failed" || state == "unproven") {
            return Problem{Exit::Failed, state == "failed" ? "NOT_PAID" : "UNPROVEN",
                           state == "failed"
                               ? "nothing was paid: " + textAt(at(m_order, {"payment"}), "note")
                               : "your ISP charges the payment, but does not show the payee's confirmation",
                           state == "failed" ? "netpas fetch " + m_url
                                             : "netpas payments " + textAt(at(m_order, {"payment"}), "id")};
        }
        const bool waits = state == "pending";
        if ((waits && steady_clock::now() >= end) || left() == milliseconds(0)) {
            return Problem{Exit::Pending, "PENDING",
                           waits ? "it costs " + dollars(at(m_order, {"amount"})) + " and waits for an answer"
                                 : "what became of the payment is not known yet; it will not be paid twice",
                           waits ? "netpas review " + decision : "netpas fetch " + m_url};
        }
        std::this_thread::sleep_for(milliseconds(100));
        const auto now = m_client.call("GET", "/v1/content/" + textAt(m_order, "id"));
        if (now) m_order = now->body;
    }
}

Fetch::Step Fetch::refused(const WebReply& reply) {
    const std::string why = harmless(refusalText(reply));
    if (++m_refusals >= mostRefusals) {
        return tl::unexpected(
            problem(Exit::Failed, "PROOF_REFUSED",
                    "the site does not take the proof of payment" + (why.empty() ? "" : ": " + why),
                    "ask the site's owner; netpas fetch --forget " + textAt(m_order, "id") + " gives the order up"));
    }
    if (auto over = again("the proof is refused")) return tl::unexpected(std::move(*over));
    return false;
}

std::optional<Problem> Fetch::deliver() {
    if (auto wrong = m_file.finish()) return wrong;
    if (!paid()) return std::nullopt;
    // Not said: the next request gets the same content for the same money.
    const auto told = m_client.call("PUT", "/v1/content/" + textAt(m_order, "id"), {{"delivered", true}});
    if (told) m_order = told->body;
    return std::nullopt;
}

Fetch::Step Fetch::look() {
    WebRequest request{m_url, std::nullopt, m_given.authorities, m_given.mostBytes, left()};
    if (paid()) request.proof = x402::Header{textAt(m_order["header"], "name"), textAt(m_order["header"], "value")};
    ++m_requests;
    const auto reply = webGet(request, m_file);
    if (!reply) {
        const WebFailure& failure = reply.error();
        if (!failure.mayPass)
            return tl::unexpected(problem(Exit::Failed, "NOT_FETCHED", m_url + ": " + failure.what, ""));
        if (auto over = again(failure.what)) return tl::unexpected(std::move(*over));
        return false;
    }
    m_reply = *reply;
    if (reply->status >= 200 && reply->status < 300) return true;
    if (reply->status >= 300 && reply->status < 400 && !reply->redirect.empty()) return follow(*reply);
    if (reply->status == 402) {
        if (paid()) return refused(*reply);
        if (auto wrong = pay(*reply)) return tl::unexpected(std::move(*wrong));
        return false;
    }
    const std::string said = "the site answers with status " + std::to_string(reply->status);
    if (reply->status < 500 && reply->status != 429)
        return tl::unexpected(problem(Exit::Failed, "NOT_FETCHED", m_url + ": " + said, "look at the address"));
    if (auto over = again(said)) return tl::unexpected(std::move(*over));
    return false;
}

tl::expected<json, Problem> Fetch::run() {
    lookUp();
    if (!m_order.is_null() && !paid() && textAt(m_order, "state") == "paying") {
        if (auto wrong = awaitDecision()) return tl::unexpected(std::move(*wrong));
    }
    for (;;) {
        const Step there = look();
        if (!there) return tl::unexpected(there.error());
        if (*there) break;
    }
    if (auto wrong = deliver()) return tl::unexpected(std::move(*wrong));
    json result{{"url", m_url},           {"status", m_reply.status}, {"content_type", m_reply.contentType},
                {"bytes", m_file.size()}, {"whole", m_reply.framed},  {"requests", m_requests},
                {"paid", paid()},         {"order", nullptr}};
    if (paid()) {
        result["order"] = m_order;
        const auto receipt = x402::decodeReceipt(m_reply.receipt);
        result["receipt"] = receipt ? json::parse(x402::toJson(*receipt)) : json(nullptr);
    }
    return result;
}

Exit listOrders(const Client& client, Output output) {
    const auto answer = client.call("GET", "/v1/content");
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    Rows rows{{"ORDER", "STATE", "AMOUNT", "URL"}};
    for (const json& one : at(answer->body, {"orders"}))
        rows.push_back({textAt(one, "id"), textAt(one, "state"), dollars(at(one, {"amount"})), textAt(one, "url")});
    print(rows.size() > 1 ? table(rows) : "everything that was ordered has come\n");
    return Exit::Ok;
}

Exit fetch(const Client& client, Output output, const Given& given) {
    if (given.list) return listOrders(client, output);
    if (!given.forget.empty()) {
        const auto gone = client.call("DELETE", "/v1/content/" + net::encodeQueryValue(given.forget));
        if (!gone) return report(gone.error(), output);
        if (output.json) return printJson(gone->body), Exit::Ok;
        return print("the order is given up; the next `netpas fetch` pays anew\n"), Exit::Ok;
    }
    if (!x402::siteOf(given.url)) {
        return report(
            usage(given.url.empty() ? "the address is missing" : "not an address of http or https: " + given.url,
                  "netpas fetch https://example.net/article"),
            output);
    }
    const auto patience = parseDuration(given.patience);
    const auto wait = given.wait.empty() ? std::optional(seconds(0)) : parseDuration(given.wait);
    if (!patience || !wait) return report(usage("not a duration", "--timeout 2m --wait 30s"), output);
    const bool printed = given.output.empty() || given.output == "-";
    if (output.json && printed)
        return report(usage("--json and the content cannot both be printed", "--output FILE"), output);
    ContentFile file(given.output);
    if (const auto wrong = file.open()) return report(*wrong, output);
    const auto fetched = [&] {
        Progress progress("fetching");
        return Fetch(client, given, file, *patience, *wait, progress).run();
    }();
    if (!fetched) return report(fetched.error(), output);
    if (output.json) return printJson(*fetched), Exit::Ok;
    if (printed) return Exit::Ok;
    print(given.output + ": " + textAt(*fetched, "bytes") + " bytes" +
          (fetched->value("paid", false)
               ? ", paid " + dollars(at(*fetched, {"order", "payment", "charged"})) + ", fees included\n"
               : ", free\n"));
    return Exit::Ok;
}

}  // namespace

void addFetchVerbs(CLI::App& app, Action& chosen) {
    const auto given = std::make_shared<Given>();
    CLI::App* const verb = addVerb(app, chosen, "fetch", "a page or file of the web, paid for where it is sold",
                                   [given](const Client& c, Output o) { return fetch(c, o, *given); });
    verb->add_option("url", given->url, "http:// or https://");
    verb->add_option("-o,--output", given->output, "into this file, whole or not at all; left out or -: printed");
    verb->add_option("--max-price", given->maxPrice, "pay up to so many dollars, fees included, without asking");
    verb->add_option("--purpose", given->purpose,
                     "for rules and budgets: article, comic, …; left out: as the site says");
    verb->add_option("--id", given->key, "the same order again under this word pays nothing again");
    verb->add_option("--wait", given->wait, "so long for the answer to a prompt: 30s; left out: not at all");
    verb->add_option("--timeout", given->patience, "try again so long when connections break")->capture_default_str();
    verb->add_option("--max-bytes", given->mostBytes, "of content")->capture_default_str();
    verb->add_option("--cacert", given->authorities, "authorities for https, PEM, in place of the system's");
    verb->add_flag("--list", given->list, "orders whose content has not come yet");
    verb->add_option("--forget", given->forget, "give this order up");
}

}  // namespace netpas::cli
