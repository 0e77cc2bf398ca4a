// Runs a fuzz target without libFuzzer: every file of the corpus folder, then seeded mutations of them,
// so that an ordinary test run still meets malformed input. The seed is fixed: a failure repeats.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

std::vector<Bytes> loadCorpus(const char* folder) {
    std::vector<Bytes> corpus;
    std::error_code error;
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
    for (const auto& path : paths) {
        std::ifstream in(path, std::ios::binary);
        corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    return corpus;
}

void mutate(Bytes& bytes, std::mt19937_64& random) {
    const size_t edits = 1 + random() % 8;
    for (size_t i = 0; i < edits; ++i) {
        switch (random() % 5) {
        case 0:
            if (!bytes.empty()) bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
            break;
        case 1:
            if (!bytes.empty()) bytes[random() % bytes.size()] ^= static_cast<uint8_t>(1U << (random() % 8));
            break;
        case 2: bytes.resize(random() % (bytes.size() + 1)); break;
        case 3:
            bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(random() % (bytes.size() + 1)), 1 + random() % 16,
                         static_cast<uint8_t>(random()));
            break;
        case 4: bytes.push_back(static_cast<uint8_t>(random())); break;
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<Bytes> corpus;
    if (argc > 1) corpus = loadCorpus(argv[1]);
    if (corpus.empty()) {
        std::fprintf(stderr, "no corpus in %s: add at least one well-formed input\n",
                     argc > 1 ? argv[1] : "(no folder)");
        return EXIT_FAILURE;
    }
    for (const Bytes& input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());
    std::mt19937_64 random(20260101);
    constexpr int mutations = 200'000;
    for (int i = 0; i < mutations; ++i) {
        Bytes input = corpus[random() % corpus.size()];
        mutate(input, random);
        LLVMFuzzerTestOneInput(input.data(), input.size());
    }
    std::printf("%zu corpus inputs and %d mutations\n", corpus.size(), mutations);
    return EXIT_SUCCESS;
}
