#include "secretary/contacts/vcard.h"

#include <algorithm>
#include <optional>

#include "core/domain_name.h"

namespace netpas::secretary::contacts {

namespace {

constexpr size_t maxFile = size_t{16} << 20;
constexpr size_t maxLine = 256 * 1024;  // photographs stand in one line
constexpr size_t foldAt = 75;           // octets, RFC 6350 §3.2

// --- writing

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == '\\' || c == ',' || c == ';') out += '\\';
        out += c;
    }
    return out;
}

// Long lines go on in the next one after a space; never inside a UTF-8 character.
void writeLine(std::string& out, std::string_view line) {
    size_t room = foldAt;
    while (line.size() > room) {
        size_t cut = room;
        while ((static_cast<uint8_t>(line[cut]) & 0xc0) == 0x80) --cut;
        out.append(line.substr(0, cut)).append("\r\n ");
        line.remove_prefix(cut);
        room = foldAt - 1;
    }
    out.append(line).append("\r\n");
}

// --- reading

struct Line {
    size_t number = 0;
    std::string text;  // unfolded
};

struct Property {
    std::string name;  // upper case, without its group
    std::string_view value;
};

ContactProblem problemAt(size_t line, std::string what, std::string hint,
                         ContactError error = ContactError::Malformed) {
    return {error, "line " + std::to_string(line) + ": " + std::move(what), std::move(hint)};
}

tl::expected<std::vector<Line>, ContactProblem> unfold(std::string_view text) {
    std::vector<Line> lines;
    for (size_t number = 1; !text.empty(); ++number) {
        const size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        const bool goesOn = !line.empty() && (line.front() == ' ' || line.front() == '\t');
        if (goesOn && lines.empty())
            return tl::unexpected(problemAt(number, "the first line begins with a space", "export the vCards anew"));
        if (goesOn) {
            lines.back().text.append(line.substr(1));
        } else if (!line.empty()) {
            lines.push_back({number, std::string(line)});
        }
        if (!lines.empty() && lines.back().text.size() > maxLine)
            return tl::unexpected(problemAt(number, "the line is too long", "export the vCards without photographs"));
    }
    return lines;
}

// [group "."] name *(";" parameter) ":" value; a parameter in quotes may have a colon.
std::optional<Property> propertyOf(std::string_view line) {
    bool quoted = false;
    size_t colon = 0;
    for (; colon < line.size() && (quoted || line[colon] != ':'); ++colon) {
        if (line[colon] == '"') quoted = !quoted;
    }
    if (colon == line.size()) return std::nullopt;
    std::string_view name = line.substr(0, std::min(line.find(';'), colon));
    if (const size_t dot = name.find('.'); dot != std::string_view::npos) name.remove_prefix(dot + 1);
    Property property{std::string(name), line.substr(colon + 1)};
    for (char& c : property.name) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-')) return std::nullopt;
    }
    if (property.name.empty()) return std::nullopt;
    return property;
}

// Texts separated by commas that are not escaped; nothing when a backslash stands at the end.
std::optional<std::vector<std::string>> textsOf(std::string_view value, bool list) {
    std::vector<std::string> texts(1);
    for (size_t i = 0; i < value.size(); ++i) {
        if (value[i] == '\\') {
            if (++i == value.size()) return std::nullopt;
            texts.back() += value[i] == 'n' || value[i] == 'N' ? '\n' : value[i];
        } else if (value[i] == ',' && list) {
            texts.emplace_back();
        } else {
            texts.back() += value[i];
        }
    }
    return texts;
}

std::string trimmed(std::string text) {
    while (!text.empty() && text.back() == ' ') text.pop_back();
    text.erase(0, std::min(text.find_first_not_of(' '), text.size()));
    return text;
}

class CardReader {
public:
    // Nothing when the line was taken; else what is wrong with it.
    std::optional<ContactProblem> take(const Line& line) {
        const auto property = propertyOf(line.text);
        if (!property) return problemAt(line.number, "this is not a vCard's line", "export the vCards anew");
        if (property->name == "BEGIN") return begin(line, property->value);
        if (!m_inside) return problemAt(line.number, "a vCard begins with BEGIN:VCARD", "export the vCards anew");
        if (property->name == "END") return end(line, property->value);
        if (property->name == "VERSION") {
            m_version = true;
            if (property->value == "4.0" || property->value == "3.0") return std::nullopt;
            return problemAt(line.number, "only vCards of version 4.0 and 3.0 are read",
                             "export the contacts as vCard 4.0");
        }
        return field(line, *property);
    }
    [[nodiscard]] bool inside() const { return m_inside; }
    [[nodiscard]] std::vector<Contact> result() { return std::move(m_contacts); }

private:
    static bool isVCard(std::string_view value) {
        return value.size() == 5 && std::equal(value.begin(), value.end(), "VCARD", [](char a, char b) {
                   return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
               });
    }

    std::optional<ContactProblem> begin(const Line& line, std::string_view value) {
        if (m_inside || !isVCard(value)) {
            return problemAt(line.number, m_inside ? "a vCard begins inside another" : "this is not a vCard",
                             "export the vCards anew");
        }
        m_inside = true;
        m_version = false;
        m_contact = {};
        return std::nullopt;
    }

    std::optional<ContactProblem> end(const Line& line, std::string_view value) {
        if (!isVCard(value)) return problemAt(line.number, "a vCard ends with END:VCARD", "export the vCards anew");
        if (!m_version) return problemAt(line.number, "the vCard has no VERSION", "export the contacts as vCard 4.0");
        if (m_contact.name.empty())
            return problemAt(line.number, "the vCard has no name (FN)", "give the contact a name",
                             ContactError::BadName);
        if (auto fault = faultOf(m_contact)) {
            fault->message = "line " + std::to_string(line.number) + ": " + fault->message;
            return fault;
        }
        m_contacts.push_back(std::move(m_contact));
        m_inside = false;
        return std::nullopt;
    }

    std::optional<ContactProblem> field(const Line& line, const Property& property) {
        const std::string& name = property.name;
        const bool list = name == "CATEGORIES";
        if (!list && name != "FN" && name != "NOTE" && name != "UID" && !name.starts_with("X-NETPAS-"))
            return std::nullopt;
        const auto texts = textsOf(property.value, list);
        if (!texts) return problemAt(line.number, name + " ends with a backslash", "export the vCards anew");
        const std::string text = trimmed(texts->front());
        if (name == "FN") {
            if (m_contact.name.empty()) m_contact.name = text;  // the first is the preferred one
        } else if (name == "NOTE") {
            m_contact.note = texts->front();
        } else if (name == "UID") {
            m_contact.id = contactIdFrom(text);
        } else if (list) {
            for (const std::string& entry : *texts) addGroup(trimmed(entry));
        } else {
            return ownField(line, name, text);
        }
        return std::nullopt;
    }

    void addGroup(std::string group) {
        auto& groups = m_contact.groups;
        if (!group.empty() && std::find(groups.begin(), groups.end(), group) == groups.end())
            groups.push_back(std::move(group));
    }

    std::optional<ContactProblem> ownField(const Line& line, const std::string& name, const std::string& text) {
        if (name == "X-NETPAS-PAYEE") {
            const auto payee = NodeId::parse(text);
            if (!payee) {
                return problemAt(line.number, "the payee is not 64 hexadecimal digits",
                                 "ask the payee for its identifier", ContactError::BadPayee);
            }
            m_contact.payees.push_back(*payee);
        } else if (name == "X-NETPAS-DOMAIN") {
            const auto domain = parseDomain(text);
            if (!domain) {
                return problemAt(line.number, "this is not a domain name", "give it like example.net",
                                 ContactError::BadDomain);
            }
            m_contact.domains.push_back(*domain);
        } else if (name == "X-NETPAS-ADDRESS") {
            const auto address = IpAddress::parse(text);
            if (!address) {
                return problemAt(line.number, "this is not an IP address", "give it like 192.0.2.1",
                                 ContactError::BadAddress);
            }
            m_contact.addresses.push_back(*address);
        } else {
            return problemAt(line.number, "there is no property " + name,
                             "update this program, or remove the property");
        }
        return std::nullopt;
    }

    bool m_inside = false;
    bool m_version = false;
    Contact m_contact;
    std::vector<Contact> m_contacts;
};

}  // namespace

std::string toVCards(std::span<const Contact> contacts) {
    std::string out;
    for (const Contact& contact : contacts) {
        out += "BEGIN:VCARD\r\nVERSION:4.0\r\n";
        if (!contact.id.empty()) writeLine(out, "UID:urn:uuid:" + contact.id);
        writeLine(out, "FN:" + escaped(contact.name));
        for (const NodeId& payee : contact.payees) writeLine(out, "X-NETPAS-PAYEE:" + payee.hex());
        for (const std::string& domain : contact.domains) writeLine(out, "X-NETPAS-DOMAIN:" + domain);
        for (const IpAddress& address : contact.addresses) writeLine(out, "X-NETPAS-ADDRESS:" + address.toString());
        std::string groups;
        for (const std::string& group : contact.groups) groups += (groups.empty() ? "" : ",") + escaped(group);
        if (!groups.empty()) writeLine(out, "CATEGORIES:" + groups);
        if (!contact.note.empty()) writeLine(out, "NOTE:" + escaped(contact.note));
        out += "END:VCARD\r\n";
    }
    return out;
}

tl::expected<std::vector<Contact>, ContactProblem> contactsFromVCards(std::string_view text) {
    if (text.size() > maxFile)
        return tl::unexpected(problemAt(1, "the file is larger than 16 MiB", "export the vCards without photographs"));
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // byte order mark
    const auto lines = unfold(text);
    if (!lines) return tl::unexpected(lines.error());
    if (lines->empty()) return tl::unexpected(problemAt(1, "the file is empty", "export the vCards anew"));
    CardReader reader;
    for (const Line& line : *lines) {
        if (auto fault = reader.take(line)) return tl::unexpected(std::move(*fault));
    }
    if (reader.inside())
        return tl::unexpected(problemAt(lines->back().number, "the last vCard has no end", "export the vCards anew"));
    return reader.result();
}

}  // namespace netpas::secretary::contacts
