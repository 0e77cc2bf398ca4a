// VLC 3 as a player of the lab, with its window on a screen. It refuses to be root, so an unprivileged user runs it, with a home of its own.
// What it says of itself comes from its HTTP interface: how far it is in the film.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "app/lab/error.h"
#include "app/lab/tools/player.h"

namespace netpas::lab {

class Lab;

struct VlcOptions {
    uint32_t readAheadKib = 650;  // as players on small devices keep it
    std::string display;          // X server
    std::string scripts;          // folder with intf/NAME.lua and extensions/NAME.lua …
    std::string script;           // … and that NAME
    std::map<std::string, std::string> environment = {};
};

// Group 65534 (nogroup) may use the file then, as the user that runs VLC does.
Expected<void> openToPlayers(const std::string& socket);

// Returns when the player answers; the film is being opened then. Its name among the lab's programs is "vlc-HOST".
Expected<std::unique_ptr<Player>> startVlc(Lab& lab, const std::string& host, const std::string& url,
                                           const VlcOptions& options);

}  // namespace netpas::lab
