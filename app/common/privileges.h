// Users and capabilities of a process, by system calls. Before any other thread runs: most of this is a thread's own.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace netpas::app {

struct SystemUser {
    std::string name;
    uid_t uid = 0;
    gid_t gid = 0;
};
[[nodiscard]] std::optional<SystemUser> findUser(const std::string& name);
// Those of these groups that exist: of devices, for example "dialout" of serial lines.
[[nodiscard]] std::vector<gid_t> findGroups(const std::vector<std::string>& names);

struct PrivilegeFailure {
    std::string what;  // for people
    std::string remedy;
};

// Becomes that user for good, without supplementary groups but `groups`, and keeps only these capabilities (numbers of
// linux/capability.h), in no set more. Without a user: only the capabilities go. Nothing can bring them back: exec gives none, files'
// set-user bits and capabilities are ignored. Not dumpable afterwards, no core files. The signal at the end of
// its parent stays.
[[nodiscard]] tl::expected<void, PrivilegeFailure> dropPrivileges(const std::optional<SystemUser>& user,
                                                                  std::initializer_list<int> capabilities,
                                                                  const std::vector<gid_t>& groups = {});

// A folder that only its owner enters, made if it is not there. Called by root, it and what is in it are the user's afterwards.
[[nodiscard]] tl::expected<void, PrivilegeFailure> preparePrivateFolder(const std::filesystem::path& folder,
                                                                        const std::optional<SystemUser>& user);

// Memory is not written to swap, as far as the limits allow it.
bool lockMemory();

}  // namespace netpas::app
