// Contacts from files: what is read as a vCard or JSON is a good contact, and survives both forms.
#include <cstdlib>
#include <string_view>

#include "secretary/contacts/vcard.h"

using namespace netpas::secretary::contacts;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const auto& read : {contactsFromVCards(text), contactsFromJsonFile(text)}) {
        if (!read) continue;
        for (const Contact& contact : *read) {
            if (faultOf(contact)) std::abort();
        }
        if (!read->empty()) {
            const auto cards = contactsFromVCards(toVCards(*read));
            if (!cards || *cards != *read) std::abort();
        }
        const auto file = contactsFromJsonFile(toJsonFile(*read));
        if (!file || *file != *read) std::abort();
    }
    return 0;
}
