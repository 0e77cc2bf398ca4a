// Where fetched content goes: a file that appears whole or not at all, or standard output, which gets nothing of a reply that broke off.
#pragma once

#include <optional>
#include <string>

#include "app/cli/client.h"
#include "app/cli/web_request.h"

namespace netpas::cli {

class ContentFile final : public Content {
public:
    // Empty or "-": standard output.
    explicit ContentFile(std::string target) : m_target(std::move(target)) {}
    ~ContentFile() override;
    ContentFile(const ContentFile&) = delete;
    ContentFile& operator=(const ContentFile&) = delete;

    // Before anything is paid: whether there is a place for it.
    [[nodiscard]] std::optional<Problem> open();
    bool restart() override;
    bool take(std::span<const char> part) override;
    // What was taken is all of it: on the disk under its name, or printed.
    [[nodiscard]] std::optional<Problem> finish();
    [[nodiscard]] uint64_t size() const { return m_size; }

private:
    [[nodiscard]] bool toStandardOutput() const { return m_target.empty() || m_target == "-"; }
    [[nodiscard]] Problem failed(const char* what) const;
    std::string m_target;
    std::string m_temporary;  // its name; empty: none
    int m_file = -1;
    uint64_t m_size = 0;
};

}  // namespace netpas::cli
