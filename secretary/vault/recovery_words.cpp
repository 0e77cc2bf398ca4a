#include "secretary/vault/recovery_words.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <optional>

#include "secretary/vault/word_list.h"

namespace netpas::secretary {

namespace {

constexpr size_t wordCount = 24;
constexpr size_t bitsOfWord = 11;
constexpr size_t listSize = 2048;
constexpr size_t significantLetters = 4;  // the list is made so that these tell its words apart

using Entropy = Secret<33>;  // the seed and its checksum, 264 bits

std::array<std::string_view, listSize> makeList() {
    std::array<std::string_view, listSize> list;
    std::string_view rest = englishWords;
    for (std::string_view& word : list) {
        const size_t end = rest.find('\n');
        word = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    return list;
}

const std::array<std::string_view, listSize>& list() {
    static const std::array<std::string_view, listSize> words = makeList();
    return words;
}

uint8_t checksumOf(const std::array<uint8_t, 32>& seed) {
    std::array<uint8_t, crypto_hash_sha256_BYTES> hash{};
    crypto_hash_sha256(hash.data(), seed.data(), seed.size());
    const uint8_t first = hash[0];
    wipe(hash.data(), hash.size());
    return first;
}

bool isSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ','; }
bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The next word in small letters; empty at the end. Numbering is passed over.
std::string_view nextWord(std::string_view& rest, std::array<char, 16>& buffer) {
    for (;;) {
        while (!rest.empty() && isSpace(rest.front())) rest.remove_prefix(1);
        size_t length = 0;
        while (length < rest.size() && !isSpace(rest[length])) ++length;
        std::string_view word = rest.substr(0, length);
        rest.remove_prefix(length);
        while (!word.empty() && !isLetter(word.front())) word.remove_prefix(1);
        if (length > 0 && word.empty()) continue;
        const size_t kept = std::min(word.size(), buffer.size());
        std::transform(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(kept), buffer.begin(),
                       [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
        return {buffer.data(), kept};
    }
}

std::optional<size_t> numberOf(std::string_view word) {
    const auto found = std::lower_bound(list().begin(), list().end(), word);
    if (found == list().end() || *found != word) return std::nullopt;
    return static_cast<size_t>(found - list().begin());
}

WordsError unknown(size_t position, std::string_view word) {
    std::string message = "word " + std::to_string(position + 1) + " is not in the list";
    const auto start = word.substr(0, significantLetters);
    const auto near = std::lower_bound(list().begin(), list().end(), start);
    if (start.size() == significantLetters && near != list().end() && near->starts_with(start)) {
        message += "; is it \"" + std::string(*near) + "\"?";
    }
    return {WordsError::Kind::Unknown, message};
}

}  // namespace

SecretText wordsFromSeed(const SeedSecret& seed) {
    Entropy entropy;
    std::copy(seed.bytes().begin(), seed.bytes().end(), entropy.bytes().begin());
    entropy.bytes().back() = checksumOf(seed.bytes());
    std::string words;
    words.reserve(wordCount * 10);  // never grows, so that nothing is left behind
    for (size_t i = 0; i < wordCount; ++i) {
        size_t number = 0;
        for (size_t bit = i * bitsOfWord; bit < (i + 1) * bitsOfWord; ++bit) {
            number = (number << 1) | ((entropy.bytes()[bit / 8] >> (7 - bit % 8)) & 1U);
        }
        if (i > 0) words += ' ';
        words += list()[number];
    }
    return SecretText(std::move(words));
}

tl::expected<SeedSecret, WordsError> seedFromWords(std::string_view words) {
    Entropy entropy;
    std::array<char, 16> buffer{};
    size_t count = 0;
    for (std::string_view word = nextWord(words, buffer); !word.empty(); word = nextWord(words, buffer), ++count) {
        const auto number = numberOf(word);
        if (!number) return tl::unexpected(unknown(count, word));
        if (count >= wordCount) continue;
        for (size_t i = 0; i < bitsOfWord; ++i) {
            const size_t bit = count * bitsOfWord + i;
            const auto value = static_cast<uint8_t>((*number >> (bitsOfWord - 1 - i)) & 1U);
            entropy.bytes()[bit / 8] = static_cast<uint8_t>(entropy.bytes()[bit / 8] | (value << (7 - bit % 8)));
        }
    }
    wipe(buffer.data(), buffer.size());
    if (count != wordCount) {
        return tl::unexpected(
            WordsError{WordsError::Kind::Count, "there are 24 recovery words; these are " + std::to_string(count)});
    }
    SeedSecret seed;
    std::copy_n(entropy.bytes().begin(), seed.bytes().size(), seed.bytes().begin());
    if (checksumOf(seed.bytes()) != entropy.bytes().back()) {
        return tl::unexpected(WordsError{WordsError::Kind::Checksum,
                                         "all words are in the list, but they do not belong together: one is another "
                                         "word, or two changed places"});
    }
    return seed;
}

}  // namespace netpas::secretary
