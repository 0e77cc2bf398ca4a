// A routing table dump as a stream of bytes: plain, gzip or bzip2, told apart by its first bytes. Belongs to one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include <tl/expected.hpp>

namespace netpas::routes {

class DumpFile {
public:
    // The error is a sentence with the file's name and the remedy, as everywhere in this class.
    [[nodiscard]] static tl::expected<DumpFile, std::string> open(const std::filesystem::path& file);
    DumpFile(DumpFile&&) noexcept;
    DumpFile& operator=(DumpFile&&) noexcept;
    ~DumpFile();

    // Up to `size` bytes; 0 at the end. An error is final; what was read before it is good.
    [[nodiscard]] tl::expected<size_t, std::string> read(uint8_t* to, size_t size);

    class Source;

private:
    explicit DumpFile(std::unique_ptr<Source> source);
    std::unique_ptr<Source> m_source;
};

}  // namespace netpas::routes
