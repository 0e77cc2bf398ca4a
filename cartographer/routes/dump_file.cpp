#include "cartographer/routes/dump_file.h"

#include <bzlib.h>
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <cerrno>
#include <cstring>

#include <algorithm>
#include <vector>

namespace netpas::routes {

namespace {

using Count = tl::expected<size_t, std::string>;

constexpr size_t inputSize = 256 * 1024;

}  // namespace

class DumpFile::Source {
public:
    virtual ~Source() = default;
    virtual Count read(uint8_t* to, size_t size) = 0;
};

namespace {

// The bytes on disk; the first ones may be looked at.
class Plain : public DumpFile::Source {
public:
    Plain(int descriptor, std::string name) : m_descriptor(descriptor), m_name(std::move(name)) {}
    ~Plain() override { ::close(m_descriptor); }
    Plain(const Plain&) = delete;
    Plain& operator=(const Plain&) = delete;

    Count read(uint8_t* to, size_t size) override {
        if (m_next < m_head.size()) {
            const size_t count = std::min(size, m_head.size() - m_next);
            std::memcpy(to, m_head.data() + m_next, count);
            m_next += count;
            return count;
        }
        return fromDisk(to, size);
    }
    [[nodiscard]] tl::expected<std::vector<uint8_t>, std::string> head(size_t size) {
        m_head.resize(size);
        size_t have = 0;
        while (have < size) {
            const auto count = fromDisk(m_head.data() + have, size - have);
            if (!count) return tl::unexpected(count.error());
            if (*count == 0) break;
            have += *count;
        }
        m_head.resize(have);
        return m_head;
    }
    [[nodiscard]] const std::string& name() const { return m_name; }

private:
    Count fromDisk(uint8_t* to, size_t size) {
        for (;;) {
            const ssize_t count = ::read(m_descriptor, to, size);
            if (count >= 0) return static_cast<size_t>(count);
            if (errno != EINTR) return tl::unexpected(m_name + " cannot be read: " + std::strerror(errno));
        }
    }

    int m_descriptor;
    std::string m_name;
    std::vector<uint8_t> m_head;
    size_t m_next = 0;
};

// Members of one file that follow each other (as pigz, bgzip and pbzip2 write them) are one stream.
class Gzip : public DumpFile::Source {
public:
    explicit Gzip(std::unique_ptr<Plain> plain) : m_plain(std::move(plain)), m_input(inputSize) {
        m_good = ::inflateInit2(&m_stream, MAX_WBITS + 16) == Z_OK;
    }
    ~Gzip() override { ::inflateEnd(&m_stream); }
    Gzip(const Gzip&) = delete;
    Gzip& operator=(const Gzip&) = delete;

    Count read(uint8_t* to, size_t size) override {
        if (!m_good) return tl::unexpected(m_plain->name() + ": zlib does not start");
        m_stream.next_out = to;
        m_stream.avail_out = static_cast<uInt>(std::min<size_t>(size, 1U << 30));
        const uInt wanted = m_stream.avail_out;
        while (m_stream.avail_out == wanted) {
            if (m_stream.avail_in == 0) {
                const auto count = m_plain->read(m_input.data(), m_input.size());
                if (!count) return count;
                if (*count == 0) {
                    if (m_between) return size_t{0};
                    return tl::unexpected(m_plain->name() + ": the gzip data ends too soon; fetch the file again");
                }
                m_stream.next_in = m_input.data();
                m_stream.avail_in = static_cast<uInt>(*count);
            }
            if (m_between) ::inflateReset(&m_stream);
            m_between = false;
            const int status = ::inflate(&m_stream, Z_NO_FLUSH);
            if (status == Z_STREAM_END) {
                m_between = true;
            } else if (status != Z_OK && status != Z_BUF_ERROR) {
                return tl::unexpected(m_plain->name() + ": the gzip data is damaged; fetch the file again");
            }
        }
        return wanted - m_stream.avail_out;
    }

private:
    std::unique_ptr<Plain> m_plain;
    std::vector<uint8_t> m_input;
    z_stream m_stream{};
    bool m_good = false;
    bool m_between = false;  // one member is over
};

class Bzip2 : public DumpFile::Source {
public:
    explicit Bzip2(std::unique_ptr<Plain> plain) : m_plain(std::move(plain)), m_input(inputSize) { begin(); }
    ~Bzip2() override { ::BZ2_bzDecompressEnd(&m_stream); }
    Bzip2(const Bzip2&) = delete;
    Bzip2& operator=(const Bzip2&) = delete;

    Count read(uint8_t* to, size_t size) override {
        if (!m_good) return tl::unexpected(m_plain->name() + ": libbz2 does not start");
        m_stream.next_out = reinterpret_cast<char*>(to);
        m_stream.avail_out = static_cast<unsigned>(std::min<size_t>(size, 1U << 30));
        const unsigned wanted = m_stream.avail_out;
        while (m_stream.avail_out == wanted) {
            if (m_stream.avail_in == 0) {
                const auto count = m_plain->read(m_input.data(), m_input.size());
                if (!count) return count;
                if (*count == 0) {
                    if (m_between) return size_t{0};
                    return tl::unexpected(m_plain->name() + ": the bzip2 data ends too soon; fetch the file again");
                }
                m_stream.next_in = reinterpret_cast<char*>(m_input.data());
                m_stream.avail_in = static_cast<unsigned>(*count);
            }
            if (m_between) again();
            const int status = ::BZ2_bzDecompress(&m_stream);
            if (status == BZ_STREAM_END) {
                m_between = true;
            } else if (status != BZ_OK) {
                return tl::unexpected(m_plain->name() + ": the bzip2 data is damaged; fetch the file again");
            }
        }
        return wanted - m_stream.avail_out;
    }

private:
    void begin() { m_good = ::BZ2_bzDecompressInit(&m_stream, 0, 0) == BZ_OK; }
    void again() {
        const bz_stream kept = m_stream;
        ::BZ2_bzDecompressEnd(&m_stream);
        m_stream = {};
        begin();
        m_stream.next_in = kept.next_in;
        m_stream.avail_in = kept.avail_in;
        m_stream.next_out = kept.next_out;
        m_stream.avail_out = kept.avail_out;
        m_between = false;
    }

    std::unique_ptr<Plain> m_plain;
    std::vector<uint8_t> m_input;
    bz_stream m_stream{};
    bool m_good = false;
    bool m_between = false;
};

}  // namespace

DumpFile::DumpFile(std::unique_ptr<Source> source) : m_source(std::move(source)) {}
DumpFile::DumpFile(DumpFile&&) noexcept = default;
DumpFile& DumpFile::operator=(DumpFile&&) noexcept = default;
DumpFile::~DumpFile() = default;

tl::expected<DumpFile, std::string> DumpFile::open(const std::filesystem::path& file) {
    std::error_code error;
    if (std::filesystem::is_directory(file, error))
        return tl::unexpected(file.string() + " is a folder; name one dump");
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return tl::unexpected(file.string() + " cannot be opened: " + std::strerror(errno));
    auto plain = std::make_unique<Plain>(descriptor, file.string());
    const auto head = plain->head(3);
    if (!head) return tl::unexpected(head.error());
    const auto begins = [&](std::string_view magic) {
        return head->size() >= magic.size() && std::memcmp(head->data(), magic.data(), magic.size()) == 0;
    };
    if (begins("\x1f\x8b")) return DumpFile(std::make_unique<Gzip>(std::move(plain)));
    if (begins("BZh")) return DumpFile(std::make_unique<Bzip2>(std::move(plain)));
    return DumpFile(std::move(plain));
}

Count DumpFile::read(uint8_t* to, size_t size) { return m_source->read(to, size); }

}  // namespace netpas::routes
