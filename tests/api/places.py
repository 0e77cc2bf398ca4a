"""State, network, access and the vault, and the devices behind a modem."""
import json
import socket
import time

from spending import until


def state(world):
    owner, app = world.owner, world.app
    for door in (owner, app):
        door.need("GET", "/v1/status")
        door.need("GET", "/v1/vault")
    owner.ask("PUT", "/v1/mode", {"mode": "silent"}, 400)
    owner.ask("POST", "/v1/join", {"url": world.url}, 200)  # before anything is bought
    owner.ask("POST", "/v1/join", {"url": "http://nowhere"}, 400)
    silent = world.url.replace(world.url.split("/")[2], "192.0.2.1:46723")
    owner.ask("POST", "/v1/join", {"url": silent}, 503)
    owner.ask("POST", "/v1/join", {"url": world.url[:-1] + ("0" if world.url[-1] != "0" else "1")}, 503)


def alone(world):
    """Without an ISP."""
    owner, app = world.alone, world.alone.agent
    app.need("GET", "/v1/status")
    for path in ("services", f"services?to={world.far}", "directory/payees/" + "ab" * 32):
        app.ask("GET", "/v1/" + path, None, 409)
    app.ask("POST", "/v1/quotes", {"to": world.far}, 409)
    owner.ask("POST", "/v1/purchases", {"to": world.far, "cap": "0.01"}, 409)
    owner.ask("POST", "/v1/payments", {"payee": "ab" * 32, "amount": "0.01"}, 409)
    app.ask("GET", "/v1/door", None, 404)
    owner.ask("POST", "/v1/budget/envelope", {"accept": False}, 200)


def joined_with_something_open(world):
    bought = world.owner.need("POST", "/v1/purchases", {"to": world.far, "cap": "0.01", "protocol": "tcp", "to_port": 81})
    world.owner.ask("POST", "/v1/join", {"url": world.url}, (200, 409))
    other = world.url_of("X")
    world.owner.ask("POST", "/v1/join", {"url": other}, 409)
    world.owner.ask("DELETE", f"/v1/purchases/{bought['id']}", None, (200, 202))


def network(world):
    app = world.app
    app.need("GET", "/v1/services")
    app.need("GET", f"/v1/services?to={world.far}")
    app.ask("GET", "/v1/services?to=here", None, 400)
    app.ask("GET", "/v1/services?to=192.0.2.250", None, (200, 404))
    app.need("GET", "/v1/measurements")
    app.need("GET", f"/v1/measurements?to={world.far}")
    app.ask("GET", "/v1/measurements?to=here", None, 400)
    assert app.need("GET", "/v1/routes")["routes"]
    assert app.need("GET", f"/v1/routes?to={world.far}")["routes"][0]["to"] in ("0.0.0.0/0", "::/0")
    app.ask("GET", "/v1/routes?to=here", None, 400)
    app.need("POST", "/v1/quotes", {"to": world.far, "stream_bit_per_second": 1000000})
    app.ask("POST", "/v1/quotes", {"to": "192.0.2.250"}, (200, 404))
    for door in (app, world.owner):
        door.need("POST", "/v1/quotes", {"to": world.far, "direction": "incoming"})
    for wrong in ({"to": "here"}, {}, {"to": world.far, "stream_bit_per_second": 0}):
        app.ask("POST", "/v1/quotes", wrong, 400)
    world.owner.ask("POST", "/v1/quotes", {"to": world.far}, 404)  # the agent answers that
    app.ask("POST", "/v1/quotes", {"to": world.here_isp, "direction": "incoming"})
    # A measurement of its own after a while.
    until(lambda: app.need("GET", f"/v1/measurements?to={world.far}")["measurements"], 60)
    until(lambda: any(one["round_trip_ms"]["grade"] != "unknown" for one in app.need("GET", "/v1/measurements")["measurements"]), 60)
    app.need("POST", "/v1/quotes", {"to": world.far})


def neighbours(world):
    for door in (world.owner, world.app):
        door.need("GET", "/v1/neighbours")
        door.need("GET", "/v1/agreements?limit=5")
        for wrong in ("limit=0", "limit=many"):
            door.ask("GET", f"/v1/agreements?{wrong}", None, 400)
        for wrong in ({}, {"neighbour": "ann", "direction": "sideways"}):
            door.ask("POST", "/v1/agreements", wrong, 400)
        door.ask("POST", "/v1/agreements", {"neighbour": "ab" * 32, "direction": "upstream"}, 404)
        door.ask("GET", "/v1/agreements/" + "ab" * 16, None, 404)
        door.ask("POST", "/v1/agreements/" + "ab" * 16 + "/end", None, 404)
    world.owner.ask("POST", "/v1/agreements/" + "ab" * 16 + "/accept", None, 404)
    asked = {"upstream_per_kb": "0.000001", "notice_s": 0, "automatic": "nothing"}
    world.owner.need("PUT", "/v1/neighbours/settings", asked)
    world.owner.need("PUT", "/v1/neighbours/settings", {"upstream_per_kb": None})
    for wrong in ({"upstream_per_kb": "1"}, {"automatic": "all"}, {"pay_at": "0"}, {"price": "1"}):
        world.owner.ask("PUT", "/v1/neighbours/settings", wrong, 400)
    agreements(world)


def agreements(world):
    """b buys from a, which wants to be asked."""
    seller, buyer, app = world.payees_owner, world.owner, world.app
    until(lambda: buyer.need("GET", "/v1/neighbours")["neighbours"] and seller.need("GET", "/v1/neighbours")["neighbours"], 30)
    wish = {"neighbour": buyer.need("GET", "/v1/neighbours")["neighbours"][0]["neighbour"], "direction": "upstream"}
    for door in (buyer, app):
        door.ask("POST", "/v1/agreements", wish, 409)  # it does not sell
    seller.need("PUT", "/v1/neighbours/settings", {"upstream_per_kb": "0.000001", "notice_s": 0, "accept": "ask"})
    until(lambda: buyer.need("GET", "/v1/neighbours")["neighbours"][0]["asks"]["upstream_per_kb"], 30)
    buyer.ask("POST", "/v1/agreements", {**wish, "per_kb": "0.0000001"}, 409)
    for door in (buyer, app):
        made = door.need("POST", "/v1/agreements", wish, 201)
        path = f"/v1/agreements/{made['id']}"
        door.need("GET", path)
        # Its seller is asked, once.
        until(lambda: seller.ask("POST", path + "/accept", None, (200, 404)).status == 200, 30)
        seller.ask("POST", path + "/accept", None, 409)
        until(lambda: door.need("GET", path)["state"] == "active", 30)
        seller.need("GET", path)
        door.need("POST", path + "/end", None, 200)
        until(lambda: door.need("GET", path)["state"] == "ended", 30)
        door.ask("POST", path + "/end", None, 409)
    seller.need("PUT", "/v1/neighbours/settings", {"upstream_per_kb": None, "accept": "automatic"})


def tokens(world):
    app = world.app
    made = app.need("POST", "/v1/tokens", {"client": "walk", "role": "request", "device": True, "lifetime_s": 3600}, 201)
    reader = app.need("POST", "/v1/tokens", {"client": "reader"}, 201)
    app.need("GET", "/v1/tokens")
    app.ask("POST", "/v1/tokens", {"client": "two words"}, 400)
    tcp = world.tcp
    may_ask, may_read = ({"Authorization": "Bearer " + one["token"]} for one in (made, reader))
    for headers in (may_ask, may_read):
        tcp.ask("GET", "/v1/status", None, 200, headers=headers)
    tcp.ask("POST", "/v1/quotes", {"to": world.far}, 200, headers=may_ask)
    tcp.ask("POST", "/v1/quotes", {"to": world.far}, 403, headers=may_read)
    tcp.ask("GET", "/v1/tokens", None, 403, headers=may_ask)
    tcp.ask("GET", "/v1/status", None, 401, headers={"Authorization": "Bearer " + made["token"] + "0"})
    for name, value in (("Host", "evil.example"), ("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site")):
        tcp.ask("GET", "/v1/status", None, 403, headers={**may_ask, name: value})
    session = tcp.call_plain("POST", "/quality-on-demand/v1/sessions",
                             {"applicationServer": {"ipv4Address": world.far}, "qosProfile": "most", "duration": 60}, may_ask)
    quote = f"/v1/quotes/{json.loads(session.text)['sessionId']}"
    app.need("GET", quote)
    tcp.ask("GET", quote, None, 200, headers=may_ask)
    app.ask("GET", "/v1/quotes/none", None, 404)
    many = [app.ask("POST", "/v1/tokens", {"client": "many"}, (201, 429)) for _ in range(64)]
    if many[-1].status != 429:
        world.record.fail("one user may have any number of tokens")
    for one in app.need("GET", "/v1/tokens")["tokens"]:
        app.ask("DELETE", f"/v1/tokens/{one['id']}", None, 200)
    app.ask("DELETE", "/v1/tokens/none", None, 404)


def stream(path, ready, seconds=10):
    """The lines of /v1/watch, of which the first is there when `ready` is called, until something has changed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(seconds)
        line.connect(path)
        line.sendall(b"GET /v1/watch HTTP/1.1\r\nHost: netpas\r\n\r\n")
        text, told = b"", False
        while not (told and b'"event":"purchase"' in text):
            got = line.recv(65536)
            if not got:
                break
            text += got
            if not told and b'"event":"snapshot"' in text and text.endswith(b"\n\r\n"):
                told = True
                ready()
    head, _, body = text.partition(b"\r\n\r\n")
    lines = b""
    while body:  # chunks
        size, _, body = body.partition(b"\r\n")
        lines += body[:int(size, 16)]
        body = body[int(size, 16) + 2:]
    return head.decode(), lines.decode()


def watch(world):
    from support.transport import Answer
    for number, door in enumerate((world.app, world.owner)):
        wish = {"to": world.far, "cap": "0.01", "protocol": "tcp", "to_port": 7000 + number}
        head, lines = stream(door.path, lambda: world.owner.need("POST", "/v1/purchases", wish))
        status = int(head.split()[1])
        headers = [tuple(one.split(": ", 1)) for one in head.split("\r\n")[1:]]
        world.record.judge(door.name, door.kinds, "GET", "/v1/watch", None, Answer(status, headers, lines), {200})
        events = [json.loads(one)["event"] for one in lines.splitlines()]
        if events[:1] != ["snapshot"] or "purchase" not in events:
            world.record.fail(f"{door.name}: watch told {events}")
        open_streams = []
        for _ in range(8):
            one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            one.connect(door.path)
            one.sendall(b"GET /v1/watch HTTP/1.1\r\nHost: netpas\r\n\r\n")
            one.recv(4096)
            open_streams.append(one)
        door.ask("GET", "/v1/watch", None, 429)
        for one in open_streams:
            one.close()
    revision = world.owner.need("GET", "/v1/pending/watch?front_end=many")["revision"]
    windows = []
    for _ in range(32):
        one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        one.connect(world.owner.path)
        one.sendall(f"GET /v1/pending/watch?front_end=many&revision={revision} HTTP/1.1\r\nHost: netpas\r\n\r\n".encode())
        windows.append(one)
    until(lambda: world.owner.ask("GET", f"/v1/pending/watch?front_end=many&revision={revision}", None, (200, 429)).status == 429)
    for one in windows:
        one.close()


def household(world):
    door, owner = world.devices, world.modems_owner
    world.modems_app.need("GET", "/v1/door")
    door.need("GET", "/v1/pairing")
    door.ask("GET", "/v1/purchases", None, 403)
    door.ask("POST", "/v1/pairing", {"name": "No Name"}, 400)
    door.ask("POST", "/v1/pairing", {"called": "alice"}, 400)
    door.ask("PUT", "/v1/pairing", {"name": "alice"}, 405)
    door.need("POST", "/v1/pairing", {"name": "alice"}, 202)
    door.need("GET", "/v1/pairing")
    code = owner.need("GET", "/v1/household")["pending"][0]["code"]
    owner.ask("POST", "/v1/household/confirm", {"code": "ABCD-EFGH-JKMN"}, 404)
    owner.need("POST", "/v1/household/confirm", {"code": code})
    door.need("POST", "/v1/pairing", {"name": "alice"}, 200)
    world.other_device.ask("POST", "/v1/pairing", {"name": "alice"}, 409)
    owner.ask("PUT", "/v1/household/bob", {"may": "read"}, 404)
    for may in ("nothing", "read", "roam", "buy"):
        owner.need("PUT", "/v1/household/alice", {"may": may})
    owner.ask("PUT", "/v1/household/alice", {"may": "everything"}, 400)
    for path in ("status", "purchases", "services", "payments", "history"):
        door.need("GET", f"/v1/{path}")
    door.need("POST", "/v1/quotes", {"to": world.far})
    door.ask("GET", "/v1/measurements", None, 403)
    door.ask("GET", "/v1/routes", None, 403)
    door.ask("POST", "/v1/purchases", {"to": world.far, "cap": "0.01"}, 409)
    door.ask("POST", "/v1/purchases", {"to": world.far, "cap": "0.01", "from": "192.0.2.9"}, 403)
    door.ask("GET", "/v1/budget", None, 403)
    owner.need("GET", "/v1/household")
    owner.need("DELETE", "/v1/household/alice")
    owner.ask("DELETE", "/v1/household/alice", None, 404)
    world.modems_owner.ask("POST", "/v1/lock", None, 200)
    door.ask("POST", "/v1/pairing", {"name": "alice"}, 423)
    door.ask("GET", "/v1/pairing", None, 423)
    world.modems_owner.ask("POST", "/v1/unlock", {}, 200)


def restore(world, text, passphrase, force):
    owner, at = world.owner, 0
    while at < len(text):
        at = owner.need("PUT", f"/v1/restore/content?offset={at}", raw=text[at:at + 48 * 1024])["next"]
    return owner.ask("POST", "/v1/restore", {"passphrase": passphrase, "force": force})


def vault(world):
    owner = world.owner
    secret = "correct horse battery staple"
    owner.need("GET", "/v1/doctor")
    owner.ask("PUT", "/v1/passphrase", {"new": "x"}, 400)
    owner.ask("POST", "/v1/recovery-words", {"passphrase": secret}, 409)  # nothing is protected yet
    owner.need("PUT", "/v1/passphrase", {"new": secret})
    owner.ask("PUT", "/v1/passphrase", {"present": "wrong", "new": secret}, 403)
    for method, path, body in (("POST", "passphrase/remove", {"present": "wrong"}), ("PUT", "passphrase", {"present": "x", "new": secret}),
                               ("POST", "recovery-words", {"passphrase": secret})):
        owner.ask(method, "/v1/" + path, body, 429)
    time.sleep(2.1)
    words = owner.need("POST", "/v1/recovery-words", {"passphrase": secret})["words"]
    owner.ask("PUT", "/v1/identity", {"words": "abandon ability"}, 400)
    owner.ask("PUT", "/v1/identity", {"words": OTHER_WORDS}, 409)
    owner.need("PUT", "/v1/identity", {"words": words})
    owner.ask("POST", "/v1/backup", {"passphrase": "short"}, 400)
    made = owner.need("POST", "/v1/backup", {"passphrase": secret, "with_identity": True})
    text = b""
    while len(text) < made["size"]:
        text += world.bytes_of(f"/v1/backup/content?offset={len(text)}")
    owner.ask("GET", f"/v1/backup/content?offset={made['size']}", None, 200)
    owner.ask("GET", f"/v1/backup/content?offset={made['size'] + 1}", None, 404)
    owner.ask("GET", "/v1/backup/content", None, 400)
    owner.ask("PUT", "/v1/restore/content?offset=7", raw=b"not the next", expect=409)
    owner.ask("PUT", "/v1/restore/content", raw=b"where", expect=400)
    owner.ask("PUT", "/v1/restore/content?offset=5000000000", raw=b"far", expect=422)
    if restore(world, text, "another passphrase", True).status != 403:
        world.record.fail("a backup was opened with another passphrase")
    if restore(world, text, secret, False).status != 409:
        world.record.fail("a restore replaced a history without force")
    if restore(world, b"no backup at all", secret, True).status != 422:
        world.record.fail("what is no backup was not refused as such")
    done = restore(world, text, secret, True)
    if done.status != 200:
        world.record.fail(f"the backup was not restored: {done.text}")
    owner.need("GET", "/v1/vault")
    time.sleep(2.1)
    owner.need("POST", "/v1/passphrase/remove", {"present": secret})


def lock(world):
    """Every operation says so while the secretary is locked; with payments being received it once ended the process."""
    owner = world.owner
    secret = "correct horse battery staple"
    owner.need("PUT", "/v1/receiving", {"on": True})
    received = len(owner.need("GET", "/v1/received")["received"])
    payer = world.payees_owner
    home = owner.need("GET", "/v1/receiving")["payee"]
    payer.need("POST", "/v1/contacts", {"name": "Home", "payees": [home]})
    made = payer.need("POST", "/v1/payments", {"payee": home, "isp": 25, "amount": "0.0001"})
    until(lambda: len(owner.need("GET", "/v1/received")["received"]) > received)
    before = world.secretary_process()
    owner.need("PUT", "/v1/passphrase", {"new": secret})
    owner.need("POST", "/v1/lock")
    for operation in world.record.description.operations.values():
        if "423" not in operation.statuses or "secretary" not in operation.doors:
            continue
        path = operation.at(id="1", name="n", order="0" * 32, **{"class": "25-1"})
        body = {} if operation.takes_json else None
        if operation.id == "quotes":
            body = {"to": world.far, "direction": "incoming"}
        for door in (owner, world.app) if "agent" in operation.doors else (owner,):
            expected = 423 if operation.id not in KNOWS_ITSELF else (400, 409, 423, 429)
            door.ask(operation.method, path, body, expected)
    owner.ask("PUT", "/v1/passphrase", {"present": secret, "new": secret}, 423)
    for door in (owner, world.app):
        door.need("GET", "/v1/status")
        door.need("GET", "/v1/vault")
    owner.need("GET", "/v1/doctor")
    owner.ask("POST", "/v1/unlock", {"passphrase": "wrong"}, 403)
    owner.ask("POST", "/v1/unlock", {"passphrase": secret}, 429)
    time.sleep(2.1)
    owner.need("POST", "/v1/unlock", {"passphrase": secret})
    if world.secretary_process() != before:
        world.record.fail("the secretary ended while it was locked with receiving on")
    until(lambda: owner.need("GET", "/v1/receiving")["accepted"])
    until(lambda: payer.need("GET", f"/v1/payments/{made['id']}")["state"] == "posted")
    owner.ask("POST", "/v1/unlock", {}, 200)
    owner.ask("POST", "/v1/passphrase/remove", {"present": secret}, 200)
    owner.ask("POST", "/v1/passphrase/remove", {"present": secret}, 409)


# Of an identity that nobody has: 32 zero bytes.
OTHER_WORDS = "abandon " * 23 + "art"
# Operations of the vault look at what is asked before they say that it is locked.
KNOWS_ITSELF = {"setPassphrase", "removePassphrase", "recoveryWords", "restoreIdentity", "backup", "restore"}
