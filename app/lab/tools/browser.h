// A real browser (Debian's Chromium) with our extension, on a host of the lab: what its page says of the film, and what the extension says.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/lab/error.h"
#include "app/lab/tools/player.h"

namespace netpas::lab {

class Lab;

struct BrowserOptions {
    std::string display;
    std::string url;
    std::string extension;                           // unpacked, in a folder
    std::string messagingHost;                       // manifest of the program that the extension speaks with
    std::string names;                               // Chromium's --host-resolver-rules
    std::map<std::string, std::string> environment;  // of that program, too
    int width = 800, height = 600;
};

// As an unprivileged user, with a profile of its own; with Chromium's sandbox, where users may have namespaces. Its name among the lab's programs is
// "chromium-HOST". What it reports is said by the page of watchPage(): the element's events and position.
Expected<std::unique_ptr<Player>> startBrowser(Lab& lab, const std::string& host, const BrowserOptions& options);

// A page that shows a film of the same folder, tells of it on its console, and does what a page can against a button that is not its own: presses it,
// reads it, and, while the key c is held down, lies on it.
[[nodiscard]] std::string watchPage(const std::string& film);

// What lines of Chromium's log have been written to a console after `mark`: by scripts whose address begins with `source`.
[[nodiscard]] std::vector<std::string> consoleLines(const std::string& logFile, const std::string& mark,
                                                    const std::string& source);

}  // namespace netpas::lab
