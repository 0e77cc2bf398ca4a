// An identity's seed as 24 English words (BIP 39), to be written on paper.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "core/crypto/identity.h"
#include "secretary/vault/secret.h"

namespace netpas::secretary {

using SeedSecret = Secret<32>;

struct WordsError {
    enum class Kind { Count, Unknown, Checksum };
    Kind kind = Kind::Count;
    std::string message;  // names the word that is wrong, never the others
};

[[nodiscard]] SecretText wordsFromSeed(const SeedSecret& seed);
// Spaces, line ends, capitals and numbering ("1." or "1)") do not matter.
[[nodiscard]] tl::expected<SeedSecret, WordsError> seedFromWords(std::string_view words);

}  // namespace netpas::secretary
