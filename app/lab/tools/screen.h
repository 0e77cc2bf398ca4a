// An X server without a screen (Xvfb) in a host's namespace: what a person in front of it would see, and that person's mouse and keyboard.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/lab/error.h"

namespace netpas::lab {

class Lab;

struct Colour {
    uint8_t red = 0, green = 0, blue = 0;
};

// In pixels from the top left.
struct Area {
    int left = 0, top = 0, right = 0, bottom = 0;
    [[nodiscard]] int width() const { return right - left; }
    [[nodiscard]] int height() const { return bottom - top; }
};

// What was shown at one moment: red, green, blue for each pixel, by rows.
struct Picture {
    int width = 0, height = 0;
    std::vector<uint8_t> pixels;
    // The smallest area that holds the long horizontal runs of this colour: a filled rectangle, letters on it or not.
    // Nothing: there is none.
    [[nodiscard]] std::optional<Area> filledWith(Colour colour) const;
};

class Screen {
public:
    // Dies with the lab. Its name among the lab's programs is "screen-HOST".
    static Expected<std::unique_ptr<Screen>> start(Lab& lab, const std::string& host, int width, int height);

    [[nodiscard]] const std::string& display() const { return m_display; }
    Expected<Picture> look() const;
    // Where the window is whose title has this text; waits for it.
    Expected<Area> window(const std::string& title) const;
    // A PNG file; its folder is made.
    Expected<void> save(const std::filesystem::path& file) const;
    // The pointer goes there and the left button is pressed and released, by the X server's XTEST extension: programs cannot tell it from a mouse.
    Expected<void> click(int x, int y) const;
    Expected<void> point(int x, int y) const;
    Expected<void> key(const std::string& name) const;
    Expected<void> hold(const std::string& key) const;
    Expected<void> release(const std::string& key) const;

private:
    Screen(std::string display, int width, int height)
        : m_display(std::move(display)), m_width(width), m_height(height) {}
    [[nodiscard]] std::vector<std::string> grab() const;
    Expected<void> xdotool(const std::vector<std::string>& arguments) const;

    std::string m_display;
    int m_width, m_height;
};

}  // namespace netpas::lab
