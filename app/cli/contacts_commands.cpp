// netpas contacts: people and sites whom the user knows.
#include <memory>

#include "app/cli/answers.h"
#include "app/cli/files.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/net/http.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

struct Given {
    std::string name;
    std::string newName;
    std::string note;
    std::vector<std::string> payees, domains, addresses, groups;
    std::string group;  // a filter
    std::string file;
    std::string format;
    std::string output = "-";
};
using Shared = std::shared_ptr<Given>;

std::string joined(const json& list) {
    std::string text;
    for (const json& entry : list) {
        if (entry.is_string()) text += (text.empty() ? "" : ", ") + harmless(entry.get<std::string>());
    }
    return text.empty() ? "-" : text;
}

// "0123456789ab…": enough to tell payees apart in a table.
std::string shortened(const json& payees) {
    json list = json::array();
    for (const json& payee : payees) {
        if (payee.is_string()) list.push_back(payee.get<std::string>().substr(0, 12) + "…");
    }
    return joined(list);
}

void showContacts(const json& body) {
    Rows rows{{"NAME", "GROUPS", "PAYEES", "DOMAINS", "ADDRESSES"}};
    for (const json& contact : at(body, {"contacts"})) {
        rows.push_back({textAt(contact, "name"), joined(at(contact, {"groups"})), shortened(at(contact, {"payees"})),
                        joined(at(contact, {"domains"})), joined(at(contact, {"addresses"}))});
    }
    if (rows.size() == 1) return print("there are no contacts; next: netpas contacts add NAME --payee ID\n");
    print(table(rows));
}

void showContact(const json& contact) {
    Rows rows{{"name", textAt(contact, "name")}, {"groups", joined(at(contact, {"groups"}))}};
    for (const json& payee : at(contact, {"payees"})) rows.push_back({"payee", harmless(payee.get<std::string>())});
    rows.push_back({"domains", joined(at(contact, {"domains"}))});
    rows.push_back({"addresses", joined(at(contact, {"addresses"}))});
    if (const std::string note = textAt(contact, "note"); !note.empty()) rows.push_back({"note", note});
    print(table(rows));
}

// The contact of that name or id, as it is.
tl::expected<json, Problem> lookUp(const Client& client, const std::string& name) {
    const auto answer = client.call("GET", "/v1/contacts?name=" + net::encodeQueryValue(name));
    if (!answer) return tl::unexpected(answer.error());
    const json contacts = at(answer->body, {"contacts"});
    if (contacts.is_array() && contacts.size() == 1) return contacts[0];
    return tl::unexpected(
        Problem{Exit::Failed, "NOT_FOUND", "there is no contact named " + name, "netpas contacts list"});
}

Exit done(Output output, const tl::expected<Answer, Problem>& answer, const std::string& text) {
    if (!answer) return report(answer.error(), output);
    if (output.json) {
        printJson(answer->body);
    } else {
        print(text);
    }
    return Exit::Ok;
}

Exit list(const Client& client, Output output, const Given& given) {
    const auto answer = client.call(
        "GET", given.group.empty() ? "/v1/contacts" : "/v1/contacts?group=" + net::encodeQueryValue(given.group));
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    showContacts(answer->body);
    return Exit::Ok;
}

Exit show(const Client& client, Output output, const Given& given) {
    const auto contact = lookUp(client, given.name);
    if (!contact) return report(contact.error(), output);
    if (output.json) return printJson(*contact), Exit::Ok;
    showContact(*contact);
    return Exit::Ok;
}

Exit add(const Client& client, Output output, const Given& given) {
    const json body{{"name", given.name},           {"payees", given.payees}, {"domains", given.domains},
                    {"addresses", given.addresses}, {"groups", given.groups}, {"note", given.note}};
    return done(output, client.call("POST", "/v1/contacts", body), "added " + harmless(given.name) + "\n");
}

// A list that is given replaces the one that was there; one empty text empties it.
void replaceList(json& contact, const char* name, const CLI::Option* option, const std::vector<std::string>& list) {
    if (option->count() == 0) return;
    contact[name] = list == std::vector<std::string>{""} ? json::array() : json(list);
}

Exit edit(const Client& client, Output output, const Given& given, const CLI::App& verb) {
    auto contact = lookUp(client, given.name);
    if (!contact) return report(contact.error(), output);
    const std::string path = "/v1/contacts/" + textAt(*contact, "id");
    if (verb.get_option("--name")->count() > 0) (*contact)["name"] = given.newName;
    if (verb.get_option("--note")->count() > 0) (*contact)["note"] = given.note;
    replaceList(*contact, "payees", verb.get_option("--payee"), given.payees);
    replaceList(*contact, "domains", verb.get_option("--domain"), given.domains);
    replaceList(*contact, "addresses", verb.get_option("--address"), given.addresses);
    replaceList(*contact, "groups", verb.get_option("--group"), given.groups);
    return done(output, client.call("PUT", path, *contact), "changed " + harmless(given.name) + "\n");
}

Exit remove(const Client& client, Output output, const Given& given) {
    const auto contact = lookUp(client, given.name);
    if (!contact) return report(contact.error(), output);
    return done(output, client.call("DELETE", "/v1/contacts/" + textAt(*contact, "id")),
                "removed " + harmless(given.name) + "\n");
}

// By the name of the file, unless it is said.
tl::expected<std::string, Problem> formatOf(const Given& given, const std::string& file) {
    if (!given.format.empty()) return given.format;
    if (file.ends_with(".vcf") || file.ends_with(".vcard")) return "vcard";
    if (file.ends_with(".json")) return "json";
    return tl::unexpected(usage("is " + file + " a vCard or JSON?", "add --format vcard or --format json"));
}

Exit import(const Client& client, Output output, const Given& given) {
    const auto format = formatOf(given, given.file);
    if (!format) return report(format.error(), output);
    const auto text = readFile(given.file);
    if (!text) return report(text.error(), output);
    const auto answer = client.call("POST", "/v1/contacts/import", {{"format", *format}, {"text", *text}});
    if (!answer) {
        Problem problem = answer.error();
        problem.message = given.file + ": " + problem.message;
        return report(problem, output);
    }
    const json& body = answer->body;
    return done(output, answer,
                textAt(body, "added") + " added, " + textAt(body, "changed") + " changed, " +
                    textAt(body, "unchanged") + " as they were\n");
}

Exit exportAll(const Client& client, Output output, const Given& given) {
    const auto format = given.output == "-" && given.format.empty() ? tl::expected<std::string, Problem>("vcard")
                                                                    : formatOf(given, given.output);
    if (!format) return report(format.error(), output);
    const auto answer = client.call("GET", "/v1/contacts/export?format=" + *format);
    if (!answer) return report(answer.error(), output);
    // The file's own text, which may have what a terminal acts on only where the user wrote it.
    const json text = at(answer->body, {"text"});
    if (!text.is_string()) {
        return report({Exit::Failed, "BAD_ANSWER", "the answer has no text", "is netpasd of the same version?"},
                      output);
    }
    if (given.output == "-") return print(text.get<std::string>()), Exit::Ok;
    if (const auto problem = writeNewFile(given.output, text.get<std::string>())) return report(*problem, output);
    return done(output, answer, "wrote " + given.output + "\n");
}

void addFields(CLI::App& verb, Given& given) {
    verb.add_option("--payee", given.payees, "identifier of a payee, 64 hexadecimal digits; may be repeated");
    verb.add_option("--domain", given.domains, "site, such as example.net; may be repeated");
    verb.add_option("--address", given.addresses, "IP address; may be repeated");
    verb.add_option("--group", given.groups, "group; may be repeated, the first is what rules look at");
    verb.add_option("--note", given.note, "a note");
}

}  // namespace

void addContactVerbs(CLI::App& app, Action& chosen) {
    const auto given = std::make_shared<Given>();
    CLI::App* const contacts = app.add_subcommand("contacts", "people and sites whom you know, and their groups");
    contacts->require_subcommand(1);
    const auto verb = [&](const char* name, const char* help, auto run) {
        return addVerb(*contacts, chosen, name, help,
                       [given, run](const Client& client, Output output) { return run(client, output, *given); });
    };
    const auto named = [&](CLI::App* one) {
        one->add_option("name", given->name, "the contact's name")->required();
        return one;
    };
    verb("list", "all contacts, or those of a group", list)->add_option("--group", given->group, "only this group");
    named(verb("show", "one contact", show));
    addFields(*named(verb("add", "make a contact", add)), *given);
    CLI::App* const change =
        contacts->add_subcommand("edit", "change a contact; a list that is given replaces the old one");
    change->callback([&chosen, given, change] {
        chosen = [given, change](const Client& client, Output output) { return edit(client, output, *given, *change); };
    });
    addFields(*named(change), *given);
    change->add_option("--name", given->newName, "its new name");
    named(verb("rm", "remove a contact", remove));
    const auto formatted = [&](CLI::App* one) {
        one->add_option("--format", given->format, "vcard or json; without it the file's name says")
            ->check(CLI::IsMember({"vcard", "json"}));
        return one;
    };
    formatted(verb("import", "add contacts from a vCard (3.0, 4.0) or JSON file", import))
        ->add_option("file", given->file, "the file, - for standard input")
        ->required();
    formatted(verb("export", "write all contacts", exportAll))
        ->add_option("file", given->output, "the file, - for standard output")
        ->capture_default_str();
}

}  // namespace netpas::cli
