// What of a backup is read before its passphrase is known, and the manifest.
#include <cstdlib>

#include "secretary/vault/backup.h"

using namespace netpas;
using namespace netpas::secretary;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const ByteView input(data, size);
    if (const auto head = SealedHead::decode(input)) {
        if (!(SealedHead::decode(head->encode()) == *head)) std::abort();
    }
    if (const auto manifest = BackupManifest::decode(input)) {
        const Bytes again = manifest->encode();
        if (!std::equal(again.begin(), again.end(), input.begin(), input.end())) std::abort();
    }
    return 0;
}
