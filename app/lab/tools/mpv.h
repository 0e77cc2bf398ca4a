// mpv as a player of the lab. Two witnesses of its stalls, both its own properties: the transitions of paused-for-cache, and the position in the
// film, which stands still while the picture is frozen.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "app/lab/error.h"
#include "app/lab/tools/player.h"

namespace netpas::lab {

class Lab;

struct MpvOptions {
    double readAheadSeconds = 2;  // as players on small devices keep it
    double refillSeconds = 1;     // after a stall it goes on with so much
    std::string display;          // X server that shows the picture; empty: nobody sees it
    std::string script;           // a file; empty: none
    std::map<std::string, std::string> environment = {};
};

// Returns when the player answers on its control socket; the film is being opened then. Its name among the lab's programs is "mpv-HOST".
Expected<std::unique_ptr<Player>> startMpv(Lab& lab, const std::string& host, const std::string& url,
                                           const MpvOptions& options);

}  // namespace netpas::lab
