-- A button for a film that stalls: what better service would cost, and with one click it is bought (NetPaS §1, §3.1.3).
--
-- It speaks with the agent through the `netpas` command and has the rights of any application: it asks, and the user's rules, budgets and
-- answers decide. Nothing is asked for before the picture has stood still, and nothing is bought that was not shown.

local mp = require "mp"
local msg = require "mp.msg"
local utils = require "mp.utils"

local options = {
    command = "netpas",
    key = "Ctrl+b",
    stall = 1,
    headroom = 2,
    class = "best",
    minutes = 120,
    osc_button = 0,
}
require("mp.options").read_options(options, "netpas")

local GUARD = 0.75     -- seconds that new text is shown before a click counts for it
local POLL = 1         -- seconds between two looks at what was bought
local LINGER = 8       -- seconds that a last word stays
local FALLBACK = 5e6   -- bits a second, of a film that does not say how many it needs
local MOUSE = "netpas-button"

-- Of the film that plays. A new table for every film: answers that come too late find themselves in an old one.
local film = nil
local overlay = mp.create_osd_overlay("ass-events")
local shown = { text = nil, since = 0, clickable = false, box = nil }
local pressed = nil
local bound = false

-- What others may read: other scripts, and judges.

local function publish(table)
    -- From mpv 0.36; where there are no such properties this has no effect.
    mp.set_property_native("user-data/netpas", table)
end

-- Money. Amounts come as decimal text of dollars and go back as they came; they become numbers only to be shown.

local function cents(amount)
    local value = (tonumber(amount) or 0) * 100
    if value >= 100 then return string.format("$%.2f", math.ceil(value - 1e-9) / 100) end
    if value <= 0 then return "0 ¢" end
    -- Two digits that count, never less than it is.
    local digits = math.max(0, 1 - math.floor(math.log(value) / math.log(10)))
    local unit = 10 ^ digits
    return string.format("%." .. digits .. "f ¢", math.ceil(value * unit - 1e-6) / unit)
end

-- The picture. Texts from elsewhere are shown as they are: braces and backslashes are ASS's own.

local function plain(text)
    return (tostring(text or ""):gsub("\\", "\\\239\187\191"):gsub("{", "\\{"):gsub("\n", " "))
end

local function rectangle(x0, y0, x1, y1, colour)
    return string.format("{\\an7\\pos(0,0)\\bord0\\shad0\\1c&H%s&\\p1}m %d %d l %d %d %d %d %d %d{\\p0}",
                         colour, x0, y0, x1, y0, x1, y1, x0, y1)
end

local function measured(text, size)
    local probe = mp.create_osd_overlay("ass-events")
    probe.res_x, probe.res_y, probe.hidden, probe.compute_bounds = overlay.res_x, overlay.res_y, true, true
    probe.data = string.format("{\\an7\\pos(0,0)\\bord0\\shad0\\fs%d}%s", size, plain(text))
    local bounds = probe:update()
    probe:remove()
    if type(bounds) == "table" and bounds.x1 then return bounds.x1 - bounds.x0 end
    return size * 0.5 * #text
end

local function unbind()
    mp.disable_key_bindings(MOUSE)
    if bound then mp.remove_key_binding("press") end
    bound, pressed = false, nil
end

local function hide()
    shown = { text = nil, since = 0, clickable = false, box = nil }
    unbind()
    overlay:remove()
end

local press

-- Whether somebody can see it.
local function visible()
    local width, height = mp.get_osd_size()
    return width and width > 0 and height > 0 and mp.get_property_bool("vo-configured", false)
        and not mp.get_property_bool("window-minimized", false)
end

local function draw()
    local width, height = mp.get_osd_size()
    if not shown.text or not width or width <= 0 then return end
    overlay.res_x, overlay.res_y = width, height
    local size = math.max(18, math.floor(height / 18))
    local pad = math.floor(size * 0.6)
    local length = measured(shown.text, size)
    local x0 = math.max(0, math.floor((width - length) / 2 - pad))
    local y0 = math.floor(height * 0.08)
    local box = { x0, y0, math.min(width, math.ceil(x0 + length + 2 * pad)), y0 + size + pad }
    overlay.data = rectangle(box[1], box[2], box[3], box[4], shown.clickable and "4A7A1E" or "303030") .. "\n"
        .. string.format("{\\an5\\pos(%d,%d)\\bord0\\shad0\\fs%d\\1c&HFFFFFF&}%s",
                         (box[1] + box[3]) / 2, (box[2] + box[4]) / 2, size, plain(shown.text))
    overlay:update()
    shown.box = box
    if shown.clickable then
        mp.set_mouse_area(box[1], box[2], box[3], box[4], MOUSE)
        mp.enable_key_bindings(MOUSE, "allow-hide-cursor")
    end
end

local function show(text, clickable)
    if shown.text == text and shown.clickable == clickable then return end
    unbind()
    shown = { text = text, since = mp.get_time(), clickable = clickable, box = nil }
    msg.info((clickable and "button: " or "says: ") .. text)
    if options.key ~= "" and film and (clickable or film.state == "running") then
        mp.add_key_binding(options.key, "press", function() press(mp.get_time()) end)
        bound = true
    end
    draw()
end

mp.set_key_bindings({
    { "mbtn_left", function() if pressed then press(pressed) end pressed = nil end,
      function() pressed = mp.get_time() end },
    { "mbtn_left_dbl", "ignore" },
}, MOUSE, "force")

local function lastWord(text)
    show(text, false)
    local mine = film
    mp.add_timeout(LINGER, function()
        if mine == film and shown.text == text then hide() end
    end)
end

-- The command.

-- `done` gets its answer, or nothing and what went wrong {code, message}.
local function ask(arguments, done)
    local argv = { options.command, "--json", "--request" }
    for _, argument in ipairs(arguments) do argv[#argv + 1] = argument end
    local mine = film
    mp.command_native_async({ name = "subprocess", args = argv, playback_only = false,
                              capture_stdout = true, capture_stderr = true, capture_size = 1048576 },
        function(success, result)
            if not success or result.error_string == "init" then
                return done(nil, { code = "NO_COMMAND", message = options.command .. " cannot be started" }, mine)
            end
            local answer = utils.parse_json(result.stdout or "")
            if type(answer) ~= "table" then
                return done(nil, { code = "BAD_ANSWER", message = "netpas gave no answer" }, mine)
            end
            if answer.error then return done(nil, answer.error, mine) end
            done(answer, nil, mine)
        end)
end

-- Without waiting for it: nobody may be left to read the answer.
local function stop(id)
    mp.command_native({ name = "subprocess", playback_only = false, detach = true,
                        args = { options.command, "--json", "--request", "stop", id } })
end

-- What the film needs.

local function bitRate()
    local size, length = mp.get_property_number("file-size"), mp.get_property_number("duration")
    local rate = 0
    if size and length and size > 0 and length > 0 then rate = size * 8 / length end
    local coded = mp.get_property_number("video-bitrate", 0) + mp.get_property_number("audio-bitrate", 0)
    rate = math.max(rate, coded)
    return rate > 0 and rate or FALLBACK
end

local MOST = 1  -- dollars, for one click

-- For how long, in minutes that cost so much each.
local function minutesLeft(price)
    local left = mp.get_property_number("time-remaining")
    local minutes = options.minutes
    -- Pauses and stalls take time, too.
    if left and left > 0 then minutes = math.ceil(left / 60 * 1.25) + 5 end
    return math.max(1, math.min(minutes, 12 * 60, math.floor(MOST / price)))
end

-- The steps: stalled → asked → offered → bought or refused.

local function giveUp(text, code)
    film.state = "quiet"
    msg.info("quiet for this film: " .. (code or ""))
    publish({ state = "quiet", reason = code })
    lastWord(text)
end

local refusals = {
    QUOTA_EXCEEDED = "Not bought: your budget does not allow it",
    INSUFFICIENT_BALANCE = "Not bought: there is not enough money",
    RESTRICTED = "Not bought: your rules say no",
    LOCKED = "Not bought: the secretary is locked",
    PAUSED = "Not bought: spending is paused",
    NO_OFFER = "Better quality is not sold on this way",
    NOT_JOINED = "Better quality needs an ISP: netpas join",
    EXPIRED = "The price has changed",
}

local function refused(why)
    if why.code == "EXPIRED" and film.offers < 3 then
        film.state = "waiting"  -- for the next stall, and its price
        publish({ state = "waiting" })
        return lastWord(refusals.EXPIRED)
    end
    giveUp(refusals[why.code] or ("Not bought: " .. (why.message or why.code or "")), why.code)
end

local function ended(purchase)
    local spent = purchase.reverse and purchase.reverse.charged or purchase.charged
    film.id = nil
    local reason = (purchase.note ~= "" and purchase.note) or purchase.reason or ""
    msg.info("ended: " .. reason)
    if purchase.state == "refused" then
        return giveUp("Not bought: " .. (purchase.reason ~= "" and purchase.reason or "refused"), "DENIED")
    end
    giveUp("Better quality ended after " .. cents(spent) .. (reason ~= "" and " (" .. reason .. ")" or ""), "ENDED")
end

-- What it does and what it costs.
local function tell(purchase)
    if purchase.decision then
        film.state = "pending"
        publish({ state = "pending", purchase = purchase.id, decision = purchase.decision })
        return show("Your secretary asks you · best effort until then", false)
    end
    film.state = "running"
    local sent = purchase.sent or {}
    local paid, free = sent.packets or 0, purchase.best_effort_packets or 0
    local spent = sent.amount or "0"
    publish({ state = "running", purchase = purchase.id, spent = spent, packets = paid, best_effort = free,
              stalls = film.stallsSince, trouble = purchase.trouble })
    local does
    if purchase.trouble and purchase.trouble ~= "" then
        does = "not delivered: " .. purchase.trouble
    elseif paid == 0 then
        does = "begins"
    elseif film.stallsSince == 0 then
        does = "no stall since"
    else
        does = film.stallsSince .. (film.stallsSince == 1 and " stall since" or " stalls since")
    end
    film.spent = spent
    if does ~= film.told then film.told, film.toldAt = does, mp.get_time() end
    -- When something has changed, and whenever the pointer moves.
    if mp.get_time() - math.max(film.toldAt, film.moved) > LINGER then return hide() end
    show("Better quality · " .. cents(spent) .. " so far · " .. does
         .. (options.key ~= "" and " · " .. options.key .. " ends it" or ""), false)
end

local function watch()
    local mine = film
    if not mine or not mine.id then return end
    ask({ "purchases", mine.id }, function(purchase, why)
        if mine ~= film or not mine.id then return end
        if purchase and (purchase.state == "settled" or purchase.state == "refused") then return ended(purchase) end
        if purchase and purchase.state ~= "stopping" and purchase.state ~= "settling" then tell(purchase) end
        if why then msg.warn(why.message or why.code) end
        mp.add_timeout(POLL, function() if mine == film then watch() end end)
    end)
end

local function buy()
    local offer = film.offer
    film.state = "buying"
    publish({ state = "buying" })
    show("Buying better quality", false)
    local arguments = { "buy", "--incoming", "--to", film.quote.to, "--to-port", tostring(film.quote.to_port),
                        "--proto", "tcp", "--offer", offer.id, "--cap", film.cap, "--for", film.minutes .. "m",
                        "--purpose", "video", "--attended" }
    if film.quote.domain then
        arguments[#arguments + 1] = "--domain"
        arguments[#arguments + 1] = film.quote.domain
    end
    ask(arguments, function(purchase, why, mine)
        -- The film may be over by now.
        if mine ~= film then
            if purchase then stop(purchase.id) end
            return
        end
        if not purchase then return refused(why) end
        film.id, film.stallsSince = purchase.id, 0
        msg.info("bought: purchase " .. purchase.id)
        tell(purchase)
        watch()
    end)
end

press = function(at)
    if film and film.state == "running" and film.id then
        local id, spent = film.id, film.spent
        film.id = nil
        stop(id)
        msg.info("stops purchase " .. id)
        return giveUp("Better quality ended after " .. cents(spent), "STOPPED")
    end
    if not film or film.state ~= "offered" or not shown.clickable then return end
    if not visible() or at - shown.since < GUARD then
        msg.info("a click that came too early does not count")
        return
    end
    buy()
end
-- For the controller's own button.
mp.register_script_message("press", function() press(mp.get_time()) end)

-- "2031-01-31T18:00:00Z". Prices are for a moment; who looks away for longer is asked anew.
local function secondsUntil(time)
    local y, mo, d, h, mi, s = tostring(time or ""):match("^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)")
    local left = 0
    if y then
        local now = os.time(os.date("!*t"))
        left = os.time({ year = y, month = mo, day = d, hour = h, min = mi, sec = s }) - now
    end
    return math.max(5, math.min(left - 2, 120))
end

local function offered(quote)
    local chosen = nil
    -- Cheapest first.
    for _, offer in ipairs(quote.offers or {}) do
        if offer.id and (tonumber(offer.per_minute_at_most) or 0) > 0 then
            if not chosen or options.class == "best" then chosen = offer end
        end
    end
    if not chosen then return giveUp(refusals.NO_OFFER, "NO_OFFER") end
    film.quote, film.offer, film.offers = quote, chosen, film.offers + 1
    local price = tonumber(chosen.per_minute_at_most)
    film.minutes = minutesLeft(price)
    -- So many times the price that is shown, exactly: amounts have twelve digits, which a number of Lua's holds up to $1000.
    film.cap = string.format("%.12f", price * film.minutes)
    film.state = "offered"
    publish({ state = "offered", per_minute = chosen.per_minute_at_most, tier = chosen.tier })
    msg.info("price: " .. chosen.per_minute_at_most)
    show("Buy better quality · up to " .. cents(chosen.per_minute_at_most) .. "/min", true)
    -- A price holds for a while only.
    local mine = film
    mp.add_timeout(secondsUntil(quote.valid_until or chosen.valid_until), function()
        if mine ~= film or film.state ~= "offered" or film.offer ~= chosen then return end
        film.state = "waiting"
        hide()
        if mp.get_property_bool("paused-for-cache", false) then mine.onStall() end
    end)
end

local function quote()
    film.state = "asked"
    publish({ state = "asked" })
    local arguments = { "quote", "--incoming", "--process", tostring(utils.getpid()), "--url",
                        mp.get_property("stream-open-filename") or mp.get_property("path") or "", "--mbit",
                        string.format("%.3f", math.max(0.1, bitRate() * options.headroom / 1e6)) }
    ask(arguments, function(answer, why, mine)
        if mine ~= film or film.state ~= "asked" then return end
        if answer then return offered(answer) end
        msg.info("no price: " .. (why.message or why.code or ""))
        -- A word about what was never asked for would only disturb.
        film.state = "waiting"
        film.failures = film.failures + 1
        if film.failures >= 3 or why.code == "NO_COMMAND" or why.code == "NOT_RUNNING" or why.code == "NO_OFFER" then
            film.state = "quiet"
        end
        publish({ state = film.state, reason = why.code })
    end)
end

-- A stall: the cache has run dry while the film played, over the network, not because of a seek and not at its beginning.

local function onStall()
    if not film or film.state ~= "waiting" or not mp.get_property_bool("paused-for-cache", false) then return end
    if not mp.get_property_bool("demuxer-via-network", false) or not visible() then return end
    quote()
end

mp.observe_property("paused-for-cache", "bool", function(_, paused)
    if not film or not film.played then return end
    if film.timer then film.timer:kill() end
    if not paused then return end
    if mp.get_property_bool("seeking", false) or mp.get_time() - film.sought < 2 then return end
    if film.state == "running" then film.stallsSince = film.stallsSince + 1 end
    film.timer = mp.add_timeout(options.stall, onStall)
end)

mp.register_event("seek", function()
    if film then film.sought = mp.get_time() end
end)
-- The first fill is over when the picture moves.
mp.register_event("playback-restart", function()
    if not film then return end
    if film.played then film.sought = mp.get_time() end
    film.played = true
end)

local function leave()
    if film and film.id then
        msg.info("stops purchase " .. film.id)
        stop(film.id)
    end
    film = nil
    hide()
    publish({ state = "idle" })
end

mp.register_event("start-file", function()
    leave()
    film = { state = "waiting", played = false, sought = -1000, offers = 0, failures = 0, stallsSince = 0, toldAt = 0,
             moved = 0, onStall = onStall }
    publish({ state = "waiting" })
end)
mp.register_event("end-file", leave)
mp.register_event("shutdown", leave)
mp.observe_property("mouse-pos", "native", function() if film then film.moved = mp.get_time() end end)
mp.observe_property("osd-dimensions", "native", function() if shown.text then draw() end end)

if options.osc_button > 0 then
    local name = "osc-custom_button_" .. math.floor(options.osc_button)
    mp.commandv("change-list", "script-opts", "append", name .. "_content=¢")
    mp.commandv("change-list", "script-opts", "append",
                name .. "_mbtn_left_command=script-message-to " .. mp.get_script_name() .. " press")
end
