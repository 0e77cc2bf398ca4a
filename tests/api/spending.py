"""Purchases, decisions, rules, budgets and the ledger, walked through as applications, windows and the owner do."""
import http.client
import json
import threading
import time

from client import Refused


class Window:
    """A front end that waits for questions, so that there is somebody to be asked."""

    def __init__(self, owner):
        self._owner = owner
        self._over = False
        self.board = owner.need("GET", "/v1/pending")
        self._thread = threading.Thread(target=self._wait, daemon=True)

    def _wait(self):
        while not self._over:
            try:
                answer = self._owner.ask("GET", f"/v1/pending/watch?front_end=walk&revision={self.board['revision']}")
            except (OSError, http.client.HTTPException):
                return  # the lab ends
            if answer.status != 200:
                return
            self.board = json.loads(answer.text)

    def __enter__(self):
        self._thread.start()
        while not self._owner.need("GET", "/v1/pending")["front_ends"]:
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self._over = True


def last_question(world):
    waiting = [one for one in world.owner.need("GET", "/v1/pending")["pending"] if one["state"] == "waiting"]
    if not waiting:
        raise Refused("no question waits")
    return waiting[-1]


def until(what, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    raise Refused("waited in vain")


def purchases(world):
    owner, app = world.owner, world.app
    wish = {"to": world.far, "cap": "0.01", "protocol": "tcp", "to_port": 8080, "duration_s": 600, "purpose": "video"}
    made = owner.need("POST", "/v1/purchases", wish, 200, headers={"Idempotency-Key": "walk"})
    again = owner.need("POST", "/v1/purchases", wish, 200, headers={"Idempotency-Key": "walk"})
    if again["id"] != made["id"]:
        world.record.fail("the same key bought twice")
    owner.ask("POST", "/v1/purchases", {**wish, "cap": "0.02"}, 409, headers={"Idempotency-Key": "walk"})
    owner.ask("POST", "/v1/purchases", {**wish, "to_port": 8079, "cap": "5000"}, 402)
    owner.ask("POST", "/v1/purchases", {**wish, "to_port": 8081, "class": "tin"}, 404)
    owner.ask("POST", "/v1/purchases", {**wish, "to_port": 8078, "unheard_of": 1}, 400)
    owner.ask("POST", "/v1/purchases", {**wish, "from": "10.0.0.1"}, 400)
    owner.ask("POST", "/v1/purchases", {**wish, "to_port": 8082, "per_isp": {"25": "gold"}, "cap_per_second": "0.001"}, 200)
    for door in (owner, app):
        door.need("GET", "/v1/purchases")
    here = f"/v1/purchases/{made['id']}"
    owner.need("GET", here)
    owner.need("PUT", here + "/label", {"label": "a film"})
    owner.ask("PUT", "/v1/purchases/999999/label", {"label": "a film"}, 404)
    world.send_packets(8080)
    owner.ask("DELETE", here, None, (200, 202))
    until(lambda: owner.need("GET", here)["state"] == "settled")
    owner.ask("DELETE", here, None, 200)
    if not owner.need("GET", here + "/evidence")["evidence"]:
        world.record.fail("a settled purchase has no evidence")
    offers = world.app.need("POST", "/v1/quotes", {"to": world.far})["offers"]
    chosen = next(one["id"] for one in offers if "id" in one)
    owner.ask("POST", "/v1/purchases", {"to": world.far, "cap": "0.01", "protocol": "udp", "to_port": 8083, "offer": chosen}, 200)
    incoming = app.need("POST", "/v1/quotes", {"to": world.far, "direction": "incoming"})["offers"]
    chosen = next(one["id"] for one in incoming if "id" in one)
    bought = owner.need("POST", "/v1/purchases", {"to": world.far, "cap": "0.01", "direction": "incoming", "offer": chosen})
    owner.need("GET", f"/v1/purchases/{bought['id']}")
    owner.ask("POST", "/v1/purchases", {"to": world.far, "cap": "0.01", "direction": "incoming", "offer": "0" * 32}, 409)
    owner.ask("DELETE", f"/v1/purchases/{bought['id']}", None, (200, 202))


def decisions(world):
    owner, app = world.owner, world.app
    wish = {"to": world.far, "cap": "0.01", "protocol": "udp", "to_port": 9000, "purpose": "game", "duration_s": 60}
    app.ask("POST", "/v1/purchases", wish, 409)  # nobody is there to be asked
    missed = [one for one in owner.need("GET", "/v1/pending")["pending"] if one["state"] == "missed"]
    owner.ask("DELETE", f"/v1/pending/{missed[0]['id']}", None, 200)
    with Window(owner):
        asked = app.need("POST", "/v1/purchases", {**wish, "to_port": 9001, "attended": True}, 202)
        question = last_question(world)
        here = f"/v1/pending/{question['id']}"
        owner.need("GET", here)
        owner.ask("POST", here, {"answer": "approve_once", "revision": question["revision"] + 7}, 409)
        owner.ask("POST", here, {"answer": "perhaps"}, 400)
        owner.ask("POST", here, {"answer": "approve_rule", "lifetime": "today", "up_to": "1", "match": ["purpose"],
                                 "revision": question["revision"], "front_end": "walk"}, 200)
        owner.ask("POST", here, {"answer": "refuse"}, (404, 409))
        until(lambda: app.need("GET", f"/v1/purchases/{asked['id']}")["state"] == "active")
        waiting = app.need("POST", "/v1/purchases", {**wish, "purpose": "update", "to_port": 9002, "attended": True}, 202)
        owner.ask("POST", f"/v1/pending/{last_question(world)['id']}", {"answer": "not_now"}, 200)
        until(lambda: app.need("GET", f"/v1/purchases/{waiting['id']}")["state"] == "refused")
    with Window(owner):
        owner.need("POST", "/v1/rules", {"match": {"purpose": "letter"}, "grant": {"action": "ask"}})
        letter = {"payee": world.payee, "isp": 24, "amount": "0.0001", "purpose": "letter", "attended": True}
        pay = app.need("POST", "/v1/payments", letter, 202)
        app.ask("DELETE", f"/v1/payments/{pay['id']}", None, 200)
        waiting = app.need("POST", "/v1/content", world.offer("/letter", "letter"), 202)
        app.ask("DELETE", f"/v1/content/{waiting['id']}", None, 200)
    owner.ask("GET", "/v1/pending/watch", None, 400)
    owner.ask("GET", "/v1/pending/watch?front_end=w&revision=x", None, 400)
    owner.ask("POST", "/v1/pending/999999", {"answer": "not_now"}, 404)
    for mode in ("quiet", "pause", "ask"):
        owner.ask("PUT", "/v1/mode", {"mode": mode}, 200)
        if mode == "pause":
            app.ask("POST", "/v1/purchases", {**wish, "to_port": 9004}, 403)
    app.need("GET", "/v1/mode")


def budgets(world):
    owner = world.owner
    owner.need("GET", "/v1/budget")
    cap = {"scope": "purpose", "subject": "game", "period": "day"}
    owner.ask("PUT", "/v1/budget", {**cap, "amount": "0.5"}, 200)
    owner.ask("POST", "/v1/budget/remove", cap, 200)
    owner.ask("POST", "/v1/budget/remove", cap, 404)
    owner.ask("PUT", "/v1/budget", {"scope": "everything", "period": "day", "amount": "99999999"})
    owner.ask("PUT", "/v1/budget", {**cap, "period": "century", "amount": "1"}, 400)
    owner.ask("POST", "/v1/budget/envelope", {"accept": True}, 200)
    owner.ask("POST", "/v1/budget/envelope", {"accept": True}, (200, 409))
    owner.ask("POST", "/v1/budget/accept-clock", None, 200)


def rules(world):
    owner = world.owner
    rule = {"match": {"purpose": "comic"}, "grant": {"action": "allow", "per": "item", "up_to": "0.05", "above": "deny"},
            "budget": {"amount": "1", "period": "month"}, "note": "pictures"}
    made = owner.need("POST", "/v1/rules", rule, 201)
    here = f"/v1/rules/{made['id']}"
    owner.ask("POST", "/v1/rules", {"match": {"purpos": "x"}, "grant": {"action": "allow"}}, 400)
    owner.need("GET", here)
    owner.need("PUT", here, {**rule, "priority": 3, "lifetime": {"kind": "always"}})
    owner.need("GET", "/v1/rules")
    parsed = owner.need("POST", "/v1/rules/parse", {"sentence": made["sentence"], "zone": "Europe/Berlin"})
    owner.ask("POST", "/v1/rules/parse", {"sentence": "gold for everybody"}, 400)
    owner.ask("POST", "/v1/rules/parse", {"sentence": parsed["sentence"], "zone": "Mars"}, 400)
    request = {"purpose": "comic", "price": "0.03", "per": "item", "isps": [25]}
    owner.need("POST", "/v1/rules/test", request)
    owner.need("POST", "/v1/rules/replay", {"rule": rule})
    owner.need("POST", "/v1/rules/replay", {"rule": rule, "replaces": made["id"], "history": [
        {**request, "when": "2026-01-01T10:00:00Z", "paid": True, "asked": True, "charged": "0.03"}]})
    owner.ask("POST", "/v1/rules/replay", {"rule": rule, "replaces": "999999"}, 404)
    owner.need("GET", "/v1/rules/proposals")
    exported = owner.ask("GET", "/v1/rules/export", None, 200)
    owner.need("POST", "/v1/rules/import", {"file": exported.text, "dry_run": True})
    owner.need("POST", "/v1/rules/import", {"file": exported.text, "replace": True})
    owner.ask("POST", "/v1/rules/import", {"file": "{}"}, 400)
    contrary = {"match": rule["match"], "grant": {"action": "deny"}, "priority": 3}
    owner.ask("POST", "/v1/rules", contrary, 409)
    owner.ask("POST", "/v1/rules/import", {"file": json.dumps({"version": 1, "rules": [contrary]})}, 409)
    other = owner.need("POST", "/v1/rules", {**contrary, "match": {"purpose": "poster"}}, 201)
    owner.ask("PUT", f"/v1/rules/{other['id']}", contrary, 409)
    kept = owner.need("GET", "/v1/rules")["rules"][0]
    owner.need("DELETE", f"/v1/rules/{kept['id']}")
    owner.need("DELETE", "/v1/rules?ended=true")
    owner.ask("DELETE", "/v1/rules", None, 400)


def ledger(world):
    for door in (world.owner, world.app):
        door.need("GET", "/v1/history")
        for by in ("app", "payee", "purpose", "group", "domain", "node", "user", "day", "month"):
            door.need("GET", f"/v1/totals?by={by}&since=2026-01-01")
        page = door.ask("GET", "/v1/history.csv?limit=2", None, 200)
        if not page.header("X-Next"):
            world.record.fail("the first page of history.csv does not name the next")
        door.ask("GET", f"/v1/history.csv?before={page.header('X-Next')}", None, 200)
    world.owner.need("GET", "/v1/history?limit=3&text=film&since=2026-01-01T00:00")
    for wrong in ("limit=0", "before=x", "since=yesterday"):
        for path in ("history", "history.csv"):
            world.owner.ask("GET", f"/v1/{path}?{wrong}", None, 400)
    world.owner.ask("GET", "/v1/totals?by=colour", None, 400)
    world.owner.need("GET", "/v1/balance")
    for door in (world.owner, world.app):
        door.need("GET", "/v1/deliveries")
    world.owner.ask("DELETE", "/v1/deliveries/classes/25-1", None, 404)
    world.owner.ask("DELETE", "/v1/deliveries/classes/gold", None, 400)
