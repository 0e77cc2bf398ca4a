-- Watches whether the film stalls, and says where better service is sold. For VLC 3: vlc --extraintf luaintf --lua-intf netpas
-- It asks nobody for anything and buys nothing: that is View → Better quality (extensions/netpas.lua).

local LOOK = 250000    -- microseconds between two looks
local STALL = 1000000  -- the picture has to stand still for so long
local PLAYING = 2      -- VLC's state of an input
local QUIET = 60000000 -- between two messages

local since, last, lastTime, told, played = nil, nil, nil, nil, false

local function stalls(now)
    local input = vlc.object.input()
    local item = vlc.input.item()
    if not input or not item or not item:uri():match("^https?://") then
        last, since, played = nil, nil, false
        return false
    end
    if item:uri() ~= last then
        last, since, lastTime, played, told = item:uri(), nil, nil, false, nil
    end
    local time, cache = vlc.var.get(input, "time"), vlc.var.get(input, "cache")
    local moved = time ~= lastTime
    -- The first fill is no stall, and a jump is somebody's wish.
    if moved and lastTime and math.abs(time - lastTime) < 2000000 and time > 0 then played = true end
    if moved and lastTime and math.abs(time - lastTime) >= 2000000 then played = false end
    lastTime = time
    if moved or not played or vlc.var.get(input, "state") ~= PLAYING or not cache or cache >= 1 then
        since = nil
        return false
    end
    since = since or now
    return now - since >= STALL
end

local function say()
    vlc.osd.message("The network is too slow · View → Better quality shows a price", vlc.osd.channel_register(), "top",
                    8000000)
end

local announce = false  -- once the picture moves again: VLC draws nothing on one that stands still

-- VLC ends the waiting, and with it the script, when it quits.
while true do
    local now = vlc.misc.mdate()
    local fine, frozen = pcall(stalls, now)
    if fine and frozen and (not told or now - told > QUIET) then
        told, announce = now, true
        vlc.msg.info("[netpas] stall: the film stands still")
    end
    if announce and fine and not since then
        announce = false
        pcall(say)
    end
    vlc.misc.mwait(now + LOOK)
end
