// A real player (mpv, without a screen) on a host of the lab, and what it says about its stalls.
//
// Two witnesses, both the player's own properties: the transitions of paused-for-cache, and the position in the film,
// which stands still while the picture is frozen. Time is of the machine's steady clock.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/lab/error.h"

namespace netpas::lab {

class Lab;

using PlayerTime = std::chrono::steady_clock::time_point;

// The picture was frozen because nothing was left to show.
struct Stall {
    PlayerTime begin;
    std::optional<PlayerTime> end;  // nothing: still frozen
};

struct PositionSample {
    PlayerTime at;
    double position = 0;  // seconds of film
    double cached = 0;    // seconds of film ahead of it
};

struct PlayerReport {
    std::optional<PlayerTime> firstPicture;  // nothing: the first fill still lasts
    std::vector<Stall> stalls;               // after the first fill
    std::vector<PositionSample> samples;     // a few per second
    bool ended = false;                      // the film is over or the player died

    [[nodiscard]] bool stalledNow() const { return !stalls.empty() && !stalls.back().end; }
    // Stalls that began in [from, to).
    [[nodiscard]] size_t stallsIn(PlayerTime from, PlayerTime to) const;
    // How long the picture stood in [from, to) by either witness.
    [[nodiscard]] std::chrono::milliseconds stalledByProperty(PlayerTime from, PlayerTime to) const;
    [[nodiscard]] std::chrono::milliseconds stalledByPosition(PlayerTime from, PlayerTime to) const;
    // The position's progress in [from, to), seconds of film.
    [[nodiscard]] double played(PlayerTime from, PlayerTime to) const;
};

struct PlayerOptions {
    double readAheadSeconds = 2;  // as players on small devices keep it
    double refillSeconds = 1;     // after a stall it goes on with so much
    std::string display;          // X server that shows the picture; empty: nobody sees it
    std::string script;           // a file; empty: none
    std::map<std::string, std::string> environment = {};
};

class Player {
public:
    // Returns when the player answers on its control socket; the film is being opened then.
    static Expected<std::unique_ptr<Player>> start(Lab& lab, const std::string& host, const std::string& url,
                                                   const PlayerOptions& options);
    ~Player();
    Player(const Player&) = delete;
    Player& operator=(const Player&) = delete;

    [[nodiscard]] PlayerReport report() const;  // a copy; from any thread

private:
    struct Watch;
    explicit Player(std::unique_ptr<Watch> watch);
    std::unique_ptr<Watch> m_watch;
};

}  // namespace netpas::lab
