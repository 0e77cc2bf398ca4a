-- View → Better quality (NetPaS): what better service for the film would cost, and a button that buys it (NetPaS §1, §3.1.3).
-- For VLC 3. It asks with the `netpas` command and has the rights of any application: the user's rules, budgets and answers decide.

local json = require("dkjson")

local COMMAND = "netpas"
local GUARD = 2        -- whole seconds, that is, more than one, that a price is shown before a click on it counts
local MOST = 1         -- dollars, for one click
local MINUTES = 120    -- of a film that does not say how long it is
local FALLBACK = 5e6   -- bits a second, of a film that does not say how many it needs
local HEADROOM = 2     -- it has to catch up

local dialog, label, button = nil, nil, nil
local offer = nil      -- {quote, one, since, url}
local bought = nil     -- a purchase's number

function descriptor()
    return {
        title = "Better quality (NetPaS)",
        version = "1",
        author = "NetPaS",
        shortdesc = "Better quality (NetPaS)",
        description = "Shows what better service for this film would cost, and buys it on a click.",
        capabilities = { "input-listener" },
    }
end

-- The command.

local function quoted(text) return "'" .. tostring(text):gsub("'", "'\\''") .. "'" end

-- Its answer, or nothing and what went wrong. The shell becomes the command, whose parent is then the player itself.
local function ask(arguments)
    local line = "exec " .. quoted(COMMAND) .. " --json --request " .. arguments .. " 2>/dev/null"
    local pipe = io.popen(line, "r")
    if not pipe then return nil, { code = "NO_COMMAND", message = COMMAND .. " cannot be started" } end
    local text = pipe:read("*a")
    pipe:close()
    local answer = json.decode(text or "")
    if type(answer) ~= "table" then return nil, { code = "BAD_ANSWER", message = "netpas gave no answer" } end
    if answer.error then return nil, answer.error end
    return answer
end

-- Money, as text of dollars, becomes a number only to be shown: two digits that count, never less than it is.
local function cents(amount)
    local value = (tonumber(amount) or 0) * 100
    if value >= 100 then return string.format("$%.2f", math.ceil(value - 1e-9) / 100) end
    if value <= 0 then return "0 ¢" end
    local digits = math.max(0, 1 - math.floor(math.log(value) / math.log(10)))
    local unit = 10 ^ digits
    return string.format("%." .. digits .. "f ¢", math.ceil(value * unit - 1e-6) / unit)
end

-- The dialog shows texts as HTML.
local function plain(text)
    return (tostring(text or ""):gsub("&", "&amp;"):gsub("<", "&lt;"):gsub(">", "&gt;"))
end

local function show(text)
    if label then label:set_text("<p>" .. plain(text) .. "</p>") end
    if dialog then dialog:update() end
    vlc.msg.info("[netpas] says: " .. text)
end

-- What the film needs, in bits a second, and for how many minutes.

-- Seconds of film that were shown since it was opened, wherever in it. In other languages the rate has another name; then the place in the
-- film has to do, which is right as long as nobody has sought.
local function shown(item, stats)
    for _, stream in pairs(item:info() or {}) do
        local perSecond = tonumber(stream["Frame rate"] or "")
        local pictures = (stats.displayed_pictures or 0) + (stats.lost_pictures or 0)
        if perSecond and perSecond > 0 and pictures > 0 then return pictures / perSecond end
    end
    local input = vlc.object.input()
    return input and vlc.var.get(input, "time") / 1e6 or 0
end

-- Not the rate at which it comes now: that is too low, and why somebody asks.
local function rateOf(item)
    local stats = item:stats() or {}
    local seconds = shown(item, stats)
    local rate = seconds >= 1 and (stats.demux_read_bytes or 0) * 8 / seconds or 0
    return rate >= 1e5 and rate or FALLBACK
end

local function film()
    local item = vlc.input.item()
    if not item then return nil end
    local url = item:uri()
    if not url:match("^https?://") then return nil end
    local length = item:duration() or -1
    return url, rateOf(item), length > 0 and math.ceil(length / 60 * 1.25) + 5 or MINUTES
end

local function forgetOffer()
    offer = nil
    if button then dialog:del_widget(button) end
    button = nil
end

local function stop()
    if not bought then return end
    local id = bought
    bought = nil
    vlc.msg.info("[netpas] stops purchase " .. id)
    ask("stop " .. quoted(id))
end

local refusals = {
    QUOTA_EXCEEDED = "Not bought: your budget does not allow it",
    INSUFFICIENT_BALANCE = "Not bought: there is not enough money",
    RESTRICTED = "Not bought: your rules say no",
    LOCKED = "Not bought: the secretary is locked",
    PAUSED = "Not bought: spending is paused",
    NO_OFFER = "Better quality is not sold on this way",
    NOT_JOINED = "Better quality needs an ISP: netpas join",
    NO_STREAM = "This film does not come over the network now",
    EXPIRED = "The price has changed: ask again",
}

local function refused(why) show(refusals[why.code] or ("Not bought: " .. (why.message or why.code or ""))) end

local askPrice

local function tell()
    local purchase, why = ask("purchases " .. quoted(bought))
    if not purchase then return refused(why) end
    if purchase.decision and purchase.decision ~= json.null then
        return show("Your secretary asks you; best effort until then")
    end
    if purchase.state == "settled" or purchase.state == "refused" then
        bought = nil
        return show("Better quality ended: " .. (purchase.note ~= "" and purchase.note or purchase.reason or ""))
    end
    local does = purchase.sent.packets .. " packets were paid for"
    if purchase.trouble and purchase.trouble ~= "" then does = "not delivered: " .. purchase.trouble end
    show("Better quality · " .. cents(purchase.sent.amount) .. " so far · " .. does)
end

local function buy()
    if not offer or os.time() - offer.since < GUARD then return end
    local quote, one = offer.quote, offer.one
    if offer.url ~= film() then return askPrice() end
    forgetOffer()
    show("Buying better quality")
    local purchase, why = ask("buy --incoming --attended --proto tcp --purpose video --to " .. quoted(quote.to) .. " --to-port "
        .. quoted(quote.to_port) .. " --offer " .. quoted(one.id) .. " --cap " .. quoted(one.cap) .. " --for "
        .. quoted(one.minutes .. "m") .. (quote.domain and " --domain " .. quoted(quote.domain) or ""))
    if not purchase then
        refused(why)
        return
    end
    bought = purchase.id
    vlc.msg.info("[netpas] bought: purchase " .. bought)
    button = dialog:add_button("What it costs", tell, 1, 2)
    dialog:add_button("End it", function() stop() show("Better quality ended") end, 2, 2)
    tell()
end

askPrice = function()
    forgetOffer()
    local url, rate, minutes = film()
    if not url then return show("This film does not come over the network") end
    show("Asking for a price")
    local quote, why = ask("quote --incoming --process $PPID --url " .. quoted(url) .. " --mbit "
        .. string.format("%.3f", math.max(0.1, rate * HEADROOM / 1e6)))
    if not quote then return refused(why) end
    local best = nil
    for _, one in ipairs(quote.offers or {}) do
        if one.id and (tonumber(one.per_minute_at_most) or 0) > 0 then best = one end
    end
    if not best then return show(refusals.NO_OFFER) end
    local price = tonumber(best.per_minute_at_most)
    best.minutes = math.max(1, math.min(minutes, 720, math.floor(MOST / price)))
    best.cap = string.format("%.12f", price * best.minutes)
    local text = "Buy better quality · up to " .. cents(best.per_minute_at_most) .. "/min"
    vlc.msg.info("[netpas] price: " .. best.per_minute_at_most)
    vlc.msg.info("[netpas] button: " .. text)
    show("For what comes from " .. quote.to .. ":")
    button = dialog:add_button(text, buy, 1, 2, 2)
    dialog:show()
    offer = { quote = quote, one = best, since = os.time(), url = url }
end

-- What VLC calls.

function activate()
    dialog = vlc.dialog("Better quality")
    label = dialog:add_label("", 1, 1, 2)
    dialog:show()
    askPrice()
end

function input_changed()
    stop()
    forgetOffer()
    show("")
end

function close() vlc.deactivate() end

function deactivate()
    stop()
    if dialog then dialog:delete() end
    dialog, label, button, offer = nil, nil, nil, nil
end
