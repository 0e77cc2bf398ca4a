"""Steps of our own feature files: what the files of the CAMARA project do not look at."""
import datetime
import decimal
import time

from support import jsonpath
from support.steps import step
from support.traffic import Traffic


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def quote(context):
    answer = context.world.agent.call("GET", "/v1/quotes/" + context.created[1]["sessionId"])
    assert answer.status == 200, answer.text
    return answer.body


def purchase(context, number):
    answer = context.world.agent.call("GET", "/v1/purchases/" + number)
    assert answer.status == 200, answer.text
    return answer.body


# --- extensions

@step(r'packets leave for the application server all the time')
def traffic(context):
    context.traffic = Traffic(context.world.destination)


@step(r'a session of (?P<seconds>\d+) seconds is available')
def session_of(context, seconds):
    world = context.world
    body, info = world.make_session(sink=bool(world.sink_url), duration=int(seconds))
    context.created = (body, world.await_status(info["sessionId"], ["AVAILABLE"]))
    context.quote = quote(context)


@step(r'the session is extended by (?P<seconds>\d+) seconds')
def extend(context, seconds):
    session = context.created[1]["sessionId"]
    context.response = context.world.call("POST", f"/sessions/{session}/extend", {"requestedAdditionalDuration": int(seconds)})
    assert context.response.status == 200, context.response.text


@step(r'the session lasts (?P<seconds>\d+) seconds')
def lasts(context, seconds):
    info = context.world.session(context.created[1]["sessionId"])
    assert info["duration"] == context.response.body["duration"] == int(seconds), info
    assert (moment(info["expiresAt"]) - moment(info["startedAt"])).total_seconds() == int(seconds), info


@step(r'the owner\'s rule changes to "(?P<words>[^"]+)"')
def rule(context, words):
    context.world.let(*words.split())
    context.rule_changed = True


@step(r'the session becomes (?P<status>[A-Z]+)')
def becomes(context, status):
    context.world.await_status(context.created[1]["sessionId"], [status])


@step(r'an event tells of the session\'s end with "(?P<info>\w+)"(?P<in_time>, not before that)?')
def end_told(context, info, in_time):
    event = context.world.await_event(context.created[1]["sessionId"], ["UNAVAILABLE"], seconds=40)["body"]
    assert event["data"]["statusInfo"] == info, event
    if in_time:
        # The clock of events has whole seconds.
        early = moment(context.response.body["expiresAt"]) - moment(event["time"])
        assert early.total_seconds() <= 1, (event, context.response.body)


@step(r'packets were paid for by (?P<count>\d+) purchases in a row, which cost no more than the quote said')
def paid(context, count):
    context.traffic.stop()
    session = quote(context)
    numbers = [context.quote["flows"][0]["purchase"], session["flows"][0]["purchase"]]
    assert len(set(numbers)) == int(count), numbers
    charged = decimal.Decimal(0)
    for number in numbers:
        one = settled(context, number)
        assert one["sent"]["packets"] > 0, one
        charged += decimal.Decimal(one["charged"])
    assert 0 < charged <= decimal.Decimal(session["at_most"]), (charged, session)


def settled(context, number):
    for _ in range(300):
        one = purchase(context, number)
        if one["charged"] is not None:
            return one
        time.sleep(0.1)
    raise AssertionError(f"purchase {number} is not settled: {one}")


@step(r'the quote is (?P<times>\d+) times what it was')
def quote_grew(context, times):
    before, now = decimal.Decimal(context.quote["at_most"]), decimal.Decimal(quote(context)["at_most"])
    assert now == int(times) * before > 0, (before, now)


# --- devices

@step(r'the session\'s device is that one identifier')
def device_one(context):
    assert context.response.body["device"] == context.world.device_object(), context.response.text


@step(r'the session is found by the device\'s IPv6 address')
def found_by_ipv6(context):
    device = {"ipv6Address": context.world.device6}
    token = context.world.token(device=False)
    found = context.world.call("POST", "/retrieve-sessions", {"device": device}, token)
    assert found.status == 200, found.text
    assert [one["device"] for one in found.body if one["sessionId"] == context.created[1]["sessionId"]] == [device], found.text


@step(r'the response body has (?P<count>\d+) profiles')
def profiles_counted(context, count):
    names = [jsonpath.get(one, "$.name") for one in context.response.body]
    assert len(names) == int(count) == len(set(names)), names
