"""What every operation refuses in the same way: who may not, what is no JSON, what is not there, methods that are none."""

BROWSERS = ({"Origin": "https://evil.example"}, {"Referer": "https://evil.example/"}, {"Host": "evil.example"})
UNKNOWN = {"id": "999999999", "name": "nobody", "order": "f" * 32, "class": "9-9"}


def doors_of(world, operation):
    """A device may do what is the agent's; here only what is its own door's is asked there."""
    if operation.doors == ["devices"]:
        return [world.devices]
    return [door for door in (world.app, world.owner, world.strangers) if door.kinds & set(operation.doors)]


def everywhere(world):
    record = world.record
    for operation in record.description.operations.values():
        path = operation.at(**UNKNOWN)
        for door in doors_of(world, operation):
            for headers in BROWSERS:
                door.ask(operation.method, path, {} if operation.takes_json else None, 403, headers=headers)
            if operation.takes_json:
                for wrong in (b"no JSON", b"[]", b'{"unheard_of": 1}', b'"text"', b"\xff\xfe"):
                    answer = door.ask(operation.method, path, raw=wrong)
                    if answer.status < 400:
                        record.fail(f"{door.name}: {operation.method} {path} takes {wrong!r}: {answer.status}")
        if operation.role == "admin":
            # Through an agent nobody is more than a requester, not even root.
            world.app.ask(operation.method, path, {} if operation.takes_json else None, 403)
        if "agent" in operation.doors:
            world.tcp.ask(operation.method, path, {} if operation.takes_json else None, 401)
        if "404" in operation.statuses and "{" in operation.path and operation.id not in LOOKS_AT_THE_BODY:
            for door in doors_of(world, operation):
                door.ask(operation.method, path, {} if operation.takes_json else None, (400, 404))


def nothing_else(world):
    record = world.record
    operations = record.description.operations.values()
    for operation in {one.path: one for one in operations}.values():
        path = operation.at(**UNKNOWN)
        for door in doors_of(world, operation):
            # Also those of a pattern with a name: a device may be called "confirm".
            known = {one.method for one in operations if one.is_for(path) and door.kinds & set(one.doors)}
            for method in sorted({"GET", "POST", "PUT", "DELETE", "PATCH"} - known):
                answer = door.ask(method, path, None, 405 if operation.id != "door" else (404, 405))
                allowed = set((answer.header("Allow") or "").split(", "))
                if answer.status == 405 and allowed != known:
                    record.fail(f"{door.name}: {path} allows {allowed}, described are {known}")
    for door in (world.app, world.owner):
        door.ask("GET", "/v1/nothing", None, 404)
        door.ask("GET", "/", None, 404)
        door.ask("POST", "/v1/purchases", raw=b"[" * 60000)
        door.ask("POST", "/v1/purchases", raw=b"", expect=413, headers={"Content-Length": "500000000"})


LOOKS_AT_THE_BODY = {"watch"}
