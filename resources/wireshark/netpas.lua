-- Wireshark dissector for NetPaS data packets: UDP port 46721 carries shim | accounting header | inner IP packet.
--   wireshark -X lua_script:netpas.lua      tshark -X lua_script:netpas.lua -r capture.pcap
-- Formats: core/wire/FORMAT.md. Works with Lua 5.2 (Wireshark 4.0) and later.

local netpas = Proto("netpas", "NetPaS paid packet")

local KINDS = { [1] = "Customer", [2] = "Transit", [3] = "Internal", [4] = "Delivery" }
local SHIM_SIZE = { [1] = 24, [2] = 4, [3] = 4, [4] = 4 }

local f = {
  version = ProtoField.uint8("netpas.shim.version", "Version", base.DEC, nil, 0xf0),
  kind = ProtoField.uint8("netpas.shim.kind", "Kind", base.DEC, KINDS, 0x0f),
  burst = ProtoField.uint8("netpas.shim.burst", "Packets under this tag", base.DEC),
  segment_limit = ProtoField.uint16("netpas.shim.segment_limit", "Longest inner packet of the burst", base.DEC),
  key = ProtoField.uint32("netpas.shim.key", "Session key", base.DEC),
  sequence = ProtoField.uint64("netpas.shim.sequence", "Sequence of the burst's first packet", base.DEC),
  tag = ProtoField.uint64("netpas.shim.tag", "Tag", base.HEX),
  hops = ProtoField.uint8("netpas.header.hops", "ISPs on the path", base.DEC),
  size = ProtoField.uint8("netpas.header.size", "Padded size", base.DEC),
  reserved = ProtoField.uint8("netpas.header.reserved", "Reserved bits", base.HEX),
  padding = ProtoField.bytes("netpas.header.padding", "Padding"),
  total = ProtoField.uint64("netpas.header.total_eighths", "Paid for this packet, in eighths of a n$", base.DEC),
  isp = ProtoField.uint16("netpas.hop.isp", "ISP", base.DEC),
  class = ProtoField.uint8("netpas.hop.class", "Service class", base.DEC),
  exit = ProtoField.uint16("netpas.hop.exit", "Exit point (0: the ISP chooses)", base.DEC),
  price_code = ProtoField.uint8("netpas.hop.price_code", "Price code", base.HEX),
  price = ProtoField.uint64("netpas.hop.price_eighths", "Price in eighths of a n$", base.DEC),
  error = ProtoField.string("netpas.error", "Error"),
}
netpas.fields = f

local malformed = ProtoExpert.new("netpas.malformed", "Malformed NetPaS packet", expert.group.MALFORMED,
                                  expert.severity.ERROR)
netpas.experts = { malformed }
netpas.prefs.port = Pref.uint("UDP port", 46721, "UDP port of the data plane")

-- A price code is 5 bits of exponent and 3 of mantissa; at most 15 * 2^31, exact in a double.
local function eighths(code)
  return (8 + code % 8) * 2 ^ math.floor(code / 8)
end

local function uint64(number)
  return UInt64.new(number % 4294967296, math.floor(number / 4294967296))
end

-- Eighths of a nanodollar as nanodollars: an exact decimal without trailing zeros.
local function nanodollars(number)
  local text = string.format("%.3f", number / 8):gsub("0+$", ""):gsub("%.$", "")
  return text .. " n$"
end

-- Names are those of core/wire's ShimError and HeaderError, in the decoder's order; NoInnerPacket and InnerNotIp are
-- the dissector's own.
local function report(tree, range, name, text)
  tree:add(f.error, range, name):set_generated()
  tree:add_proto_expert_info(malformed, text)
end

-- The shim at the front of the payload. Returns its length, or nil when nothing after it can be trusted.
local function dissect_shim(buffer, tree)
  if buffer:len() < 4 then
    report(tree, buffer(), "Truncated", "Shim cut short")
    return nil
  end
  local kind, version = buffer(0, 1):bitfield(4, 4), buffer(0, 1):bitfield(0, 4)
  local size = SHIM_SIZE[kind]
  local shim = tree:add(netpas, buffer(0, math.min(size or 4, buffer:len())), "Shim: " .. (KINDS[kind] or "unknown"))
  shim:add(f.version, buffer(0, 1))
  shim:add(f.kind, buffer(0, 1))
  if version ~= 1 then
    report(shim, buffer(0, 1), "UnknownVersion", "Unknown shim version")
    return nil
  end
  if not size then
    report(shim, buffer(0, 1), "UnknownKind", "Unknown shim kind")
    return nil
  end
  if buffer:len() < size then
    report(shim, buffer(), "Truncated", "Shim cut short")
    return nil
  end
  if kind == 1 then
    if buffer(1, 1):uint() > 63 then
      report(shim, buffer(1, 1), "ReservedBits", "Reserved bits of the burst count are set")
      return nil
    end
    shim:add(f.burst, buffer(1, 1), buffer(1, 1):uint() + 1)
    shim:add(f.segment_limit, buffer(2, 2))
    shim:add(f.key, buffer(4, 4))
    shim:add(f.sequence, buffer(8, 8))
    shim:add(f.tag, buffer(16, 8))
    if buffer(2, 2):uint() == 0 then
      report(shim, buffer(2, 2), "EmptySegment", "The tag allows packets of 0 bytes only")
      return nil
    end
  elseif buffer(1, 3):uint() ~= 0 then
    report(shim, buffer(1, 3), "ReservedBits", "Reserved bytes are not zero")
    return nil
  end
  return size, KINDS[kind]
end

-- One 5-byte block. The exit point of a hop stands in the first ten bits of the next one's block.
local function dissect_hop(header, tree, index, count)
  local at = 5 * index
  local isp, code = header(at + 2, 2):uint(), header(at + 4, 1):uint()
  local hop = tree:add(netpas, header(at, 5), string.format("Hop %d: ISP %d, class %d, %s", index + 1, isp,
                       header(at, 2):bitfield(10, 6), nanodollars(eighths(code))))
  hop:add(f.isp, header(at + 2, 2))
  hop:add(f.class, header(at + 1, 1), header(at, 2):bitfield(10, 6))
  if index + 1 < count then
    hop:add(f.exit, header(at + 5, 2), header(at + 5, 2):bitfield(0, 10))
  end
  hop:add(f.price_code, header(at + 4, 1))
  hop:add(f.price, header(at + 4, 1), uint64(eighths(code)))
  return isp, eighths(code)
end

-- The accounting header. Returns its padded size, or nil when it is not valid.
local function dissect_header(buffer, tree)
  if buffer:len() < 1 then
    report(tree, buffer(0, 0), "Truncated", "No accounting header")
    return nil
  end
  local count = buffer(0, 1):bitfield(0, 4) + 1
  local unpadded, size = 5 * count, math.floor((5 * count + 3) / 4) * 4
  if buffer:len() < size then
    report(tree, buffer(), "Truncated", "Accounting header cut short")
    return nil
  end
  local header = buffer(0, size)
  local branch = tree:add(netpas, header, string.format("Accounting header: %d ISPs", count))
  branch:add(f.hops, header(0, 1), count)
  branch:add(f.size, header, size):set_generated()
  branch:add(f.reserved, header(0, 2), header(0, 2):bitfield(4, 6))
  local seen, total, duplicate, route = {}, 0, false, {}
  for index = 0, count - 1 do
    local isp, price = dissect_hop(header, branch, index, count)
    duplicate = duplicate or seen[isp] ~= nil
    seen[isp] = true
    total = total + price
    route[#route + 1] = tostring(isp)
  end
  branch:add(f.total, header, uint64(total)):set_generated()
  if size > unpadded then
    branch:add(f.padding, header(unpadded))
    if header(unpadded):uint() ~= 0 then
      report(branch, header(unpadded), "NonZeroPadding", "Padding is not zero")
      return nil
    end
  end
  if duplicate then
    report(branch, header, "DuplicateIsp", "An ISP stands twice on the path")
    return nil
  end
  return size, table.concat(route, ">") .. " " .. nanodollars(total)
end

function netpas.dissector(buffer, pinfo, tree)
  pinfo.cols.protocol = "NetPaS"
  local branch = tree:add(netpas, buffer())
  local shim, kind = dissect_shim(buffer, branch)
  if not shim then return buffer:len() end
  if shim == buffer:len() then
    report(branch, buffer(), "Truncated", "No accounting header")
    return buffer:len()
  end
  local header, summary = dissect_header(buffer(shim):tvb(), branch)
  if not header then return buffer:len() end
  branch:append_text(", " .. kind .. ", " .. summary)
  if shim + header == buffer:len() then
    report(branch, buffer(), "NoInnerPacket", "No inner packet")
    return buffer:len()
  end
  branch:set_len(shim + header)
  local inner = buffer(shim + header):tvb()
  local version = inner(0, 1):bitfield(0, 4)
  if version == 4 or version == 6 then
    Dissector.get(version == 4 and "ip" or "ipv6"):call(inner, pinfo, tree)
    pinfo.cols.info:prepend("[" .. kind .. " " .. summary .. "] ")
  else
    report(branch, inner(0, 1), "InnerNotIp", "The inner packet is neither IPv4 nor IPv6")
  end
  return buffer:len()
end

local udp_port = DissectorTable.get("udp.port")
local registered = nil
local function register()
  if registered then udp_port:remove(registered, netpas) end
  registered = netpas.prefs.port
  udp_port:add(registered, netpas)
end
netpas.prefs_changed = register
register()
