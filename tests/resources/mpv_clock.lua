-- Runs mpv's script ($NETPAS_SCRIPT) with a clock that stands still until it is moved: `script-message clock SECONDS`. Timers are real.
local real = require "mp"
local time = 1000
package.loaded["mp"] = setmetatable({ get_time = function() return time end }, { __index = real })
real.register_script_message("clock", function(seconds) time = time + tonumber(seconds) end)
dofile(os.getenv("NETPAS_SCRIPT"))
