#include "core/ledger/csv.h"

namespace netpas::ledger {

namespace {

class Line {
public:
    Line& plain(const std::string& value) {
        if (!m_text.empty()) m_text += ',';
        m_text += value;
        return *this;
    }
    // Text that came from elsewhere.
    Line& text(std::string value) {
        if (!value.empty() && std::string_view("=+-@\t\r").find(value.front()) != std::string_view::npos) {
            value.insert(0, 1, '\'');
        }
        if (value.find_first_of(",\"\r\n") == std::string::npos) return plain(value);
        std::string quoted = "\"";
        for (const char c : value) {
            if (c == '"') quoted += '"';
            quoted += c;
        }
        return plain(quoted + "\"");
    }
    Line& number(uint64_t value) { return plain(std::to_string(value)); }
    [[nodiscard]] std::string end() const { return m_text + "\r\n"; }

private:
    std::string m_text;
};

std::string pathText(const Purchase& purchase) {
    std::string text;
    for (const LedgerHop& hop : purchase.path) {
        text += (text.empty() ? "" : " ") + std::to_string(hop.isp.value()) + "=" + hop.className;
    }
    return text;
}

}  // namespace

std::string csvHeader() {
    return "id,requested,changed,state,reason,currency,cap,charged,packets,bytes,best_effort_packets,unit,unit_price,"
           "uid,user,app,purpose,payee,contact,group,domain,node,quality,flow,path,rule,decider,sentence,label,note,"
           "disputed\r\n";
}

std::string csvRow(const Purchase& purchase) {
    const Context& context = purchase.request.context;
    const Why why = purchase.why.value_or(Why{purchase.decidedBy, {}, {}, {}});
    Line line;
    line.number(purchase.id.value()).plain(timeText(purchase.requestedAt)).plain(timeText(purchase.changedAt));
    line.plain(std::string(describe(purchase.state))).plain(std::string(describe(purchase.reason))).plain("USD");
    line.plain(purchase.request.cap.toString()).plain(purchase.charged ? purchase.charged->toString() : "");
    line.number(purchase.usage.packets).number(purchase.usage.bytes).number(purchase.usage.bestEffortPackets);
    line.plain(context.unit == PriceUnit::Minute ? "minute" : "item").plain(context.unitPrice.toString());
    line.number(purchase.request.uid).text(context.user).text(context.app).text(context.purpose).text(context.payee);
    line.text(context.contact).text(context.group).text(context.domain).text(context.node).text(context.quality);
    line.text(purchase.request.flow.toString()).text(pathText(purchase)).text(why.rule).text(why.decider);
    line.text(why.sentence).text(purchase.label).text(purchase.note).plain(purchase.disputed ? "yes" : "no");
    return line.end();
}

}  // namespace netpas::ledger
