// The nftables commands behind the Linux capture, as text; pure, so that tests can read it.
#pragma once

#include <span>
#include <string>

#include "tun/capture/capture.h"
#include "tun/capture/linux_capture.h"

namespace netpas::tun {

// Makes the table, owned by the netlink socket that sends this; fails when the table exists.
[[nodiscard]] std::string nftCreateTable(const LinuxCaptureOptions& options);
// Replaces all rules in one transaction. The flows have been validated.
[[nodiscard]] std::string nftReplaceRules(const LinuxCaptureOptions& options, std::span<const CapturedFlow> flows);
// What goes into a name in these commands: letters, digits, '_' and '-', at most 31, a letter first.
[[nodiscard]] bool isNftName(const std::string& name);

}  // namespace netpas::tun
