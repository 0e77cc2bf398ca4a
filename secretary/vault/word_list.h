// The English word list of BIP 39, one word a line in alphabetic order; made from resources/words at build time.
#pragma once

#include <string_view>

namespace netpas::secretary {

extern const std::string_view englishWords;

}  // namespace netpas::secretary
