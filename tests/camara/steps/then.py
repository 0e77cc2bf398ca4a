"""Then: what came back, and what was received elsewhere."""
import datetime
import json
import re

from applicability import expected_by_description
from support import jsonpath
from support.jsonpath import MISSING
from support.requests import Request
from support.steps import step

PATH = r'"?(?P<path>\$[\w.\[\]*]*)"?'
RULE = (r'(?:matches the rule: )?(?P<rule>(?:exists only if|(?:has the )?same value|has the (?:same )?value|is the same|value (?:has|is)|'
        r'has (?:been )?(?:increased|extended)|does not exceed|is (?:increased|extended|later|capped|limited|in the|'
        r'not ?(?:later|greater|lower|less|higher)|the sum|equal to the|greater|less)).*)')
ITEMS = r'(?:each|every|all)(?: of the)? (?:items?|elements?)(?: (?:in|of|within) the(?: the)? response(?: body)?(?: array)?)?(?:, if any)?,?'


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def now():
    # A clock of whole seconds is behind by up to one.
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)


def literal(text):
    text = text.strip()
    return json.loads(text) if re.fullmatch(r'-?\d+(\.\d+)?|true|false|null|\{\}|\[\]|".*"', text) else text


def alternatives(text):
    return [expected_by_description(literal(one)) for one in re.split(r"\s+or\s+", text)]


def sent_body(context):
    """Of createSession where there was one: what later answers are compared with."""
    if context.created is not None and context.created[0] is not Request.NONE:
        return context.created[0]
    return context.request.body if isinstance(context.request.body, dict) else {}


# --- status and headers

@step(r'the response status code is (?P<code>.+)')
def status(context, code):
    codes = [int(one) for one in re.findall(r"\d+", code)]
    assert context.response.status in codes, f"{context.response.status}: {context.response.text}"


@step(r'the response header "(?P<name>[^"]+)" is "(?P<value>[^"]*)"')
def header_is(context, name, value):
    found = context.response.header(name)
    assert found is not None and found.split(";")[0].strip() == value, found


@step(r'the response header "(?P<name>[^"]+)" has (?:the )?same value as the request header "(?P<other>[^"]+)"')
def header_same(context, name, other):
    assert context.response.header(name) == context.request.headers[other], context.response.header(name)


@step(r'the response header "(?P<name>[^"]+)" is there')
def header_there(context, name):
    assert context.response.header(name)


# --- schemas

@step(r'the (?P<what>response|event) body complies with (?:the )?(?:an array of )?(?:OAS )?schemas?(?: defined)? at "(?P<schema>[^"]+)"')
@step(r'the (?P<what>response|event) body complies with (?:an? )?array of (?:the )?(?:OAS )?schemas?(?: defined)?(?: at)? "(?P<schema>[^"]+)"')
def body_complies(context, what, schema):
    value = context.event["body"] if what == "event" else context.response.body
    found = context.description.schema(schema)
    if isinstance(value, list) and found.get("type") != "array":
        found = {"type": "array", "items": found}
    complaints = context.description.complaints(value, found)
    assert not complaints, complaints


@step(ITEMS + r' compl(?:y|ies) with (?:the )?(?:OAS )?schema at "(?P<schema>[^"]+)"')
def items_comply(context, schema):
    """Some files say so also of an answer that is one item by itself."""
    body = context.response.body
    found = context.description.schema(schema)
    complaints = [c for one in (body if isinstance(body, list) else [body]) for c in context.description.complaints(one, found)]
    assert not complaints, complaints


@step(r'the response (?:body )?array has only one item which complies with the (?:OAS )?schema at "(?P<schema>[^"]+)"')
def one_item(context, schema):
    assert len(context.response.body) == 1, context.response.text
    items_comply(context, schema)


# --- properties

@step(r'the response (?:body )?property ' + PATH + r' contains a user[ -]friendly text')
def friendly(context, path):
    value = jsonpath.get(context.response.body, path)
    assert isinstance(value, str) and " " in value.strip() and len(value) <= 512, value


@step(r'the response (?:body )?property ' + PATH + r' (?:does not exist|is not (?:returned|present|included))')
def absent(context, path):
    assert all(one is MISSING for one in jsonpath.get_all(context.response.body, path)), context.response.text


@step(r'the response (?:body )?property ' + PATH + r' (?:exists|is (?:returned|present|included))')
def present(context, path):
    found = jsonpath.get_all(context.response.body, path)
    assert found and all(one is not MISSING for one in found), context.response.text


@step(r'the response (?:body )?property ' + PATH + r' (?:is|equals|is equal to|has (?:the )?value) (?P<value>(?:"[^"]*"|-?\d+|true|false)(?: or (?:"[^"]*"|-?\d+))*)')
def equal(context, path, value):
    found, wanted = jsonpath.get_all(context.response.body, path), alternatives(value)
    assert found and all(one in wanted for one in found), f"{found} instead of {wanted}: {context.response.text}"


@step(r'in (?:all|each|every)(?: of the)? items? (?:in|of) the response, (?:the )?property "\$?\.?(?P<path>\w+)" ' + RULE)
def items_by_rule(context, path, rule):
    assert context.response.body, "nothing was returned"
    by_rule(context, path, rule)


@step(r'the response (?:body )?property ' + PATH + ' ' + RULE)
def by_rule(context, path, rule):
    for index, body in enumerate(context.response.body if isinstance(context.response.body, list) else [context.response.body]):
        judge(context, body, path.replace("[*]", "").replace(f"[{index}]", ""), rule)


def judge(context, body, path, rule):
    found = jsonpath.get(body, path)
    given = jsonpath.get(sent_body(context), path)
    if "only if provided" in rule:
        assert (found is MISSING) == (given is MISSING) and (found is MISSING or found == given), (found, given)
    elif rule.startswith("exists only if"):
        conditional(body, found, rule)
    elif "path param" in rule:
        assert found in context.request.parameters.values(), found
    elif re.match(r"(has the )?(same )?value", rule):
        assert found == given and found is not MISSING, (found, given)
    else:
        extended(context, body, path, rule)


def conditional(body, found, rule):
    match = re.match(r'exists only if "?(?:\$\.)?(\w+)"? is (not )?"(\w+)"(?: and (?:the )?value is (.*)| and (later.*))?$', rule)
    assert match, f"not understood: {rule}"
    name, negated, value, then, later = match.groups()
    holds = (body.get(name) == value) != bool(negated)
    assert (found is not MISSING) == holds, body
    what = then or later or ""
    if found is MISSING or not what:
        return
    if "in the past" in what:
        assert moment(found) <= now(), found
    reference = re.search(r'"(?:\$\.)?(\w+)"', what)
    if "later" in what and reference and reference.group(1) in body:
        assert moment(found) > moment(body[reference.group(1)]), body


def extended(context, body, path, rule):
    """Durations and ends after an extension; what was before is the session as it was made."""
    before, asked = context.created[1], context.request.body.get("requestedAdditionalDuration", 0)
    profile = context.world.profile(name=body["qosProfile"])
    longest = profile["maxDuration"]["value"]
    duration = min(before["duration"] + asked, longest)
    assert body["duration"] == duration, (body["duration"], duration, path, rule)
    lasts = (moment(body["expiresAt"]) - moment(body["startedAt"])).total_seconds()
    assert abs(lasts - duration) <= 1 and moment(body["expiresAt"]) > moment(before["expiresAt"]), body


# --- lists

@step(r'the response (?:body )?(?:is|contains|includes|has)(?: an?)? empty (?:array|list).*')
@step(r'the response (?:body )?is (?:an array with (?:no|0) (?:items|elements)|\[\])')
def list_empty(context):
    assert context.response.body == [], context.response.text


@step(r'the response (?:body )?(?:is|contains|includes|has) (?:an array|a list|an array of .*|at least (?:one|1) .*)')
@step(r'the response (?:body )?array (?:contains|has|includes) at least (?:one|1) .*')
def list_filled(context):
    assert isinstance(context.response.body, list) and context.response.body, context.response.text


@step(ITEMS + r' (?:has|have|with)(?: the)?(?: response)? property ' + PATH + r' (?:set to|equal to|with value|as|is) (?P<value>.+)')
def list_all(context, path, value):
    wanted = alternatives(value)
    for one in context.response.body:
        assert jsonpath.get(one, path.replace("[*]", "")) in wanted, one


# --- notifications

@step(r'an event is received at the address of the (?:request property )?"\$\.sink"(?: provided for createSession)?')
def event_received(context):
    wanted = ["UNAVAILABLE"] if getattr(context, "method", "") == "DELETE" else ["AVAILABLE", "UNAVAILABLE"]
    context.event = context.world.await_event(context.created[1]["sessionId"], wanted)


@step(r'the event header "(?P<name>[^"]+)" is set to "Bearer " \+ the value of the (?:request )?property "(?P<path>[^"]+)"(?: provided for createSession)?')
def event_bearer(context, name, path):
    headers = {key.lower(): value for key, value in context.event["headers"].items()}
    assert headers[name.lower()] == "Bearer " + jsonpath.get(sent_body(context), path), headers


@step(r'the event header "(?P<name>[^"]+)" is set to "(?P<value>[^"]*)"')
def event_header(context, name, value):
    headers = {key.lower(): text for key, text in context.event["headers"].items()}
    assert headers[name.lower()].split(";")[0] == value, headers


@step(r'the event body property ' + PATH + r' is unique')
def event_unique(context, path):
    all_of_them = [jsonpath.get(one["body"], path) for one in context.world.events()]
    assert all_of_them.count(jsonpath.get(context.event["body"], path)) == 1, all_of_them


@step(r'the event body property ' + PATH + r' (?:is set to|is) (?P<value>"[^"]*"(?: or "[^"]*")*)')
def event_equal(context, path, value):
    found = jsonpath.get(context.event["body"], path)
    assert found in alternatives(value), found


@step(r'the event body property ' + PATH + r' (?:has the same value as createSession response property "[^"]+"|as returned for createSession)')
def event_session(context, path):
    assert jsonpath.get(context.event["body"], path) == context.created[1]["sessionId"], context.event


@step(r'the event body property ' + PATH + r' exists only if "(?P<other>[^"]+)" is "(?P<value>[^"]+)"')
def event_conditional(context, path, other, value):
    holds = jsonpath.get(context.event["body"], other) == value
    assert (jsonpath.get(context.event["body"], path) is not MISSING) == holds, context.event
