// The wrapped key as it lies on disk, and recovery words as people type them.
#include <cstdlib>

#include "secretary/vault/recovery_words.h"
#include "secretary/vault/vault_file.h"

using namespace netpas;
using namespace netpas::secretary;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (const auto file = VaultFile::decode({data, size})) {
        const Bytes again = file->encode();
        if (again.size() != size || VaultFile::decode(again) != file) std::abort();
    }
    if (const auto seed = seedFromWords({reinterpret_cast<const char*>(data), size})) {
        if (seedFromWords(wordsFromSeed(*seed).view())->bytes() != seed->bytes()) std::abort();
    }
    return 0;
}
