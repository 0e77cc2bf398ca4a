// A real player on a host of the lab, and what it says about its stalls. Time is of the machine's steady clock.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace netpas::lab {

using PlayerTime = std::chrono::steady_clock::time_point;

// The picture was frozen because nothing was left to show.
struct Stall {
    PlayerTime begin;
    std::optional<PlayerTime> end;  // nothing: still frozen
};

struct PositionSample {
    PlayerTime at;
    double position = 0;                // seconds of film
    std::optional<double> cached = {};  // seconds of film ahead of it, if it says so
};

struct PlayerReport {
    std::optional<PlayerTime> firstPicture;  // nothing: the first fill still lasts
    std::vector<Stall> stalls;               // after the first fill
    std::vector<PositionSample> samples;     // a few per second
    bool ended = false;                      // the film is over or the player died

    [[nodiscard]] bool stalledNow() const { return !stalls.empty() && !stalls.back().end; }
    // Stalls that began in [from, to).
    [[nodiscard]] size_t stallsIn(PlayerTime from, PlayerTime to) const;
    // How long the picture stood in [from, to) for want of film, by either witness. A player with film ahead that does not go on has no time from its machine.
    [[nodiscard]] std::chrono::milliseconds stalledByProperty(PlayerTime from, PlayerTime to) const;
    [[nodiscard]] std::chrono::milliseconds stalledByPosition(PlayerTime from, PlayerTime to) const;
    // Seconds by which the position fell behind the clock there, also while it crept.
    [[nodiscard]] double behind(PlayerTime from, PlayerTime to) const;
    // The position's progress in [from, to), seconds of film.
    [[nodiscard]] double played(PlayerTime from, PlayerTime to) const;
};

// The report of a player that says where it is and not when it stalls: the picture is frozen while the position stands still.
class PositionRecord {
public:
    // In the order of time, a few per second; while it does not play (paused, opening) nothing stalls.
    void take(const PositionSample& sample, bool playing);
    void end() { m_report.ended = true; }
    [[nodiscard]] const PlayerReport& report() const { return m_report; }

private:
    PlayerReport m_report;
    PlayerTime m_moved;
};

class Player {
public:
    virtual ~Player() = default;
    Player(const Player&) = delete;
    Player& operator=(const Player&) = delete;

    [[nodiscard]] virtual PlayerReport report() const = 0;  // a copy; from any thread
    // Its name among the lab's programs.
    [[nodiscard]] const std::string& program() const { return m_program; }

protected:
    explicit Player(std::string program) : m_program(std::move(program)) {}

private:
    std::string m_program;
};

}  // namespace netpas::lab
