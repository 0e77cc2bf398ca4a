"""Payments, content, contacts, payees and the reverse path."""
import json
import os
import subprocess

from spending import until


def payments(world):
    owner, app = world.owner, world.app
    owner.need("PUT", "/v1/receiving", {"on": True})
    owner.need("GET", "/v1/receiving")
    wish = {"payee": world.payee, "isp": 24, "amount": "0.0001", "description": "a poem", "purpose": "poem"}
    made = owner.need("POST", "/v1/payments", wish, headers={"Idempotency-Key": "poem"})
    here = f"/v1/payments/{made['id']}"
    until(lambda: owner.need("GET", here)["state"] == "posted")
    owner.ask("POST", "/v1/payments", wish, 200, headers={"Idempotency-Key": "poem"})
    owner.ask("POST", "/v1/payments", {**wish, "amount": "0.0002"}, 409, headers={"Idempotency-Key": "poem"})
    owner.ask("DELETE", here, None, 409)
    owner.ask("POST", "/v1/payments", {**wish, "isp": 999}, 404)
    owner.ask("POST", "/v1/payments", {**wish, "max_fees": "0"}, 409)
    owner.ask("POST", "/v1/payments", {**wish, "amount": "99999"}, (402, 404))
    owner.ask("POST", "/v1/payments", {**wish, "payee": "nobody I know"}, 400)
    fees = [{"isp": 25, "amount": "0.0000005"}, {"isp": 24, "amount": "0.000002"}]
    owner.need("POST", "/v1/payments", {k: v for k, v in wish.items() if k != "isp"} | {"fees": fees, "lifetime_s": 60})
    owner.ask("POST", "/v1/payments", {**wish, "payee": "ab" * 32}, 403)  # nothing certifies it
    owner.need("POST", "/v1/contacts", {"name": "Nobody", "payees": ["ab" * 32]})
    refused = owner.need("POST", "/v1/payments", {**wish, "payee": "Nobody"})
    until(lambda: owner.need("GET", f"/v1/payments/{refused['id']}")["state"] not in ("sent", "deciding"))
    app.need("GET", "/v1/payments?limit=2")
    for path in ("payments", "received"):
        for wrong in ("limit=0", "before=x"):
            owner.ask("GET", f"/v1/{path}?{wrong}", None, 400)
    if not world.payees_owner.need("GET", "/v1/received?limit=5")["received"]:
        world.record.fail("the payee has received nothing")
    owner.need("GET", "/v1/received")


def content(world):
    owner, app = world.owner, world.app
    url = f"http://{world.far}:9402/poem.txt"
    wish = {**world.offer("/poem.txt", "poem"), "max_price": "0.05"}
    other = {**world.offer("/other.txt", "poem"), "max_price": "0.05"}
    owner.ask("POST", "/v1/content", wish, 403)  # nothing certifies the payee
    owner.need("POST", "/v1/contacts", {"name": "Poet", "payees": [world.payee], "groups": ["friends"]}, 201)
    owner.ask("POST", "/v1/content", {**wish, "max_price": "0.0000001"}, 402)
    made = owner.need("POST", "/v1/content", wish)
    here = f"/v1/content/{made['id']}"
    until(lambda: owner.need("GET", here)["state"] == "paid")
    owner.ask("POST", "/v1/content", {"url": url}, 200)
    for door in (owner, app):
        door.need("GET", "/v1/content")
    owner.need("GET", f"/v1/content?url={url}")
    owner.ask("PUT", here, {"delivered": False}, 400)
    owner.ask("PUT", here, {"delivered": True}, 200)
    owner.ask("DELETE", here, None, 200)
    owner.ask("POST", "/v1/content", {**wish, "url": "http://elsewhere.example/"}, 400)
    owner.ask("POST", "/v1/content", {**wish, "offer": {"x402Version": 1, "accepts": []}}, 400)
    owner.ask("POST", "/v1/content", {"url": url + "2"}, 404)
    owner.ask("POST", "/v1/content", wish, headers={"Idempotency-Key": "poem"})
    owner.ask("POST", "/v1/content", other, 409, headers={"Idempotency-Key": "poem"})
    app.ask("POST", "/v1/content", other)
    unpaid = [one for one in owner.need("GET", "/v1/content")["orders"] if one["state"] in ("new", "failed")]
    for one in unpaid[:1]:
        owner.ask("PUT", f"/v1/content/{one['id']}", {"delivered": True}, 409)


def contacts(world):
    owner = world.owner
    made = owner.need("POST", "/v1/contacts", {"name": "Ada", "payees": ["cd" * 32], "domains": ["example.net"],
                                               "addresses": ["192.0.2.7"], "groups": ["family"], "note": "n"}, 201)
    here = f"/v1/contacts/{made['id']}"
    owner.ask("POST", "/v1/contacts", {"name": "Ada"}, 409)
    owner.ask("POST", "/v1/contacts", {"name": "Eve", "payees": ["cd" * 32]}, 409)
    owner.ask("POST", "/v1/contacts", {"name": "Eve", "payees": ["short"]}, 400)
    owner.ask("POST", "/v1/contacts", {"name": ""}, 400)
    owner.need("GET", here)
    owner.need("PUT", here, {"name": "Ada L.", "groups": ["family"]})
    owner.need("GET", "/v1/contacts?group=family")
    for form in ("vcard", "json"):
        exported = owner.need("GET", f"/v1/contacts/export?format={form}")
        owner.need("POST", "/v1/contacts/import", exported)
    owner.ask("POST", "/v1/contacts/import", {"format": "json", "text": "no file"}, 400)
    twins = {"netpas_contacts": 1, "contacts": [{"name": name, "domains": ["twin.example"]} for name in ("One", "Two")]}
    owner.ask("POST", "/v1/contacts/import", {"format": "json", "text": json.dumps(twins)}, 409)
    owner.ask("PUT", here, {"name": "Poet"}, 409)
    owner.ask("PUT", "/v1/contacts/nobody", {"name": "Nemo"}, 404)
    owner.ask("GET", "/v1/contacts/export?format=pdf", None, 400)
    owner.ask("DELETE", here, None, 200)


def payees(world):
    owner = world.owner

    def isp(*words):
        done = subprocess.run([os.path.join(world.bin, "netpas-isp"), *words], capture_output=True, text=True, check=True)
        return done.stdout.split()

    def file(name):
        return os.path.join(world.scratch, name)

    def text(name):
        with open(file(name), encoding="utf-8") as opened:
            return opened.read()

    for name in ("authority.key", "stranger.key", "shop.key"):
        isp("keygen", file(name))
    shop = isp("keygen", file("shop.key"))[0]
    for name in ("authority", "stranger"):
        isp("authority", "--key", file(name + ".key"), "--name", name, "--out", file(name + ".pem"))
        isp("certify", "--key", file(name + ".key"), "--authority", file(name + ".pem"), "--payee", shop, "--name", "Shop", "--domain",
            "shop.example", "--class", "accountable", "--out", file(name + "-shop.pem"))
    isp("revoke", "--key", file("authority.key"), "--authority", file("authority.pem"), "--out", file("list.pem"))
    isp("revoke", "--key", file("authority.key"), "--authority", file("authority.pem"), "--from", "2026-01-01", "--until", "2099-01-01",
        "--out", file("older.pem"))
    owner.ask("PUT", "/v1/payees/accepted", {"classes": ["accountable", "regulated"]}, 200)
    owner.ask("PUT", "/v1/payees/accepted", {"classes": ["cheap"]}, 400)
    made = owner.need("POST", "/v1/payees/authorities", {"class": "accountable", "pem": text("authority.pem")}, 201)
    owner.ask("POST", "/v1/payees/authorities", {"class": "accountable", "pem": "no PEM"}, 400)
    owner.ask("POST", "/v1/payees/verify", {"pem": text("authority-shop.pem"), "domain": "shop.example"}, (200, 403))
    owner.need("POST", "/v1/payees/revocations", {"pem": text("list.pem")}, 201)
    owner.ask("POST", "/v1/payees/revocations", {"pem": text("older.pem")}, 409)
    owner.ask("POST", "/v1/payees/revocations", {"pem": "no PEM"}, 400)
    verified = owner.need("POST", "/v1/payees/verify", {"pem": text("authority-shop.pem"), "domain": "shop.example"}, 200)
    owner.ask("POST", "/v1/payees/verify", {"pem": text("authority-shop.pem"), "domain": "other.example"}, 403)
    owner.ask("POST", "/v1/payees/verify", {"pem": text("authority-shop.pem"), "payee": "ab" * 32}, 403)
    owner.ask("POST", "/v1/payees", {"pem": text("stranger-shop.pem")}, 403)
    owner.ask("POST", "/v1/payees", {"pem": text("authority-shop.pem")}, 201)
    owner.need("GET", "/v1/payees")
    here = f"/v1/payees/{verified['payee']}"
    owner.need("GET", here)
    owner.ask("DELETE", f"/v1/payees/authorities/{made['id']}", None, 200)
    owner.need("GET", here)  # with the problem that it has now
    owner.ask("DELETE", here, None, 200)
    owner.ask("DELETE", f"/v1/payees/authorities/{made['id']}", None, 404)
    world.publish(file("authority-shop.pem"))
    until(lambda: world.app.ask("GET", f"/v1/directory/payees/{verified['payee']}").status == 200)
    world.app.ask("GET", "/v1/directory/payees/" + "ef" * 32, None, 404)
    world.app.ask("GET", "/v1/directory/payees/shop", None, 400)


def orders(world):
    door = world.strangers
    wish = {"from": world.far, "cap": "0.01", "protocol": "udp"}
    made = door.need("POST", "/v1/orders", wish, 201)
    here = f"/v1/orders/{made['order']}"
    door.need("GET", here)
    door.ask("DELETE", here, None, 200)
    door.ask("POST", "/v1/orders", {**wish, "from": "192.0.2.77"}, 404)
    door.ask("POST", "/v1/orders", {**wish, "purpose": "mine"}, 400)
    door.ask("POST", "/v1/orders", [], 400)
    door.ask("GET", "/v1/orders/" + "0" * 32, None, 404)
    door.ask("DELETE", "/v1/orders/" + "0" * 32, None, 404)
    door.ask("PUT", "/v1/orders", {}, 405)
    door.ask("GET", "/v1/status", None, 404)
    world.owner.ask("PUT", "/v1/receiving", {"on": False}, 200)
    for sold in (world.owner, world.app):
        sold.ask("POST", "/v1/orders", {**wish, "to": world.far}, 503)  # b takes no payments now
    world.owner.ask("PUT", "/v1/receiving", {"on": True}, 200)
