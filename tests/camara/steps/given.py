"""Given: the request of a scenario. Texts are matched by their form, so that other feature files of the same vocabulary find their
steps, too."""
import json
import re
import uuid

from applicability import expected_by_description
from support import jsonpath
from support.bodies import default_body, described_value, make_two_legged, use_token, valid_body
from support.requests import Request
from support.steps import step
from support.world import ALL_SCOPES

PATH = r'"?(?P<path>\$?[\w.\[\]*$]+)"?'
BODY = r"request (?:body )?"


@step(r'an environment at "(?P<name>[^"]+)"')
def environment(context, name):
    assert name == "apiRoot"


@step(r'the resource "(?P<path>[^"]+)"')
def resource(context, path):
    context.request.resource = "/" + path.lstrip("/")
    context.description = context.world.description(path)


# --- headers

@step(r'the header "Authorization" is set to a valid access token')
def token_valid(context):
    use_token(context, context.world.usual_token())


@step(r'the header "Authorization" is set to a valid access token (?:which|that) does not identif(?:i?y) .*device')
@step(r'the header "Authorization" is set to a valid 2-legged access token')
def token_two_legged(context):
    make_two_legged(context, with_device=False)


@step(r'the header "Authorization" is set to a valid access token (?:identifying|which identifies|that identifies) a(?: valid)? device')
@step(r'the header "Authorization" is set to a valid 3-legged access token(?: associated (?:to|with) a valid testing device.*)?')
def token_three_legged(context):
    use_token(context, context.world.token(device=True))
    if isinstance(context.request.body, dict):
        context.request.body.pop("device", None)


@step(r'the header "Authorization" is set to a valid access token (?:obtained )?for (?:that same|a different) device')
def token_of_device(context):
    """There is one device here. A token for it knows nothing of the device that the request names, be it the same or not."""
    use_token(context, context.world.token(device=True))


@step(r'the header "Authorization" is set to an expired access token')
def token_expired(context):
    use_token(context, context.world.expired_token())


@step(r'the header "Authorization" is set to an invalid access token')
def token_invalid(context):
    use_token(context, "netpas_" + uuid.uuid4().hex * 2)


@step(r'the header "Authorization" is (?:not sent|removed|not included)')
def token_none(context):
    context.request.headers.pop("Authorization", None)


@step(r'the header "Authorization" is set to an access token (?:that does not include|without)(?: the)? scope "?(?P<scope>[\w:-]+)"?')
def token_without_scope(context, scope):
    wanting = expected_by_description(scope)
    assert wanting in ALL_SCOPES, f"there is no scope {scope}"
    use_token(context, context.world.token(device=context.world.legs == "3", scopes=[s for s in ALL_SCOPES if s != wanting]))


@step(r'the header "Authorization" is set to a valid access token emitted to a (?:different )?client which did not created? (?:the|any).*')
def token_of_another(context):
    use_token(context, context.world.token(device=context.world.legs == "3", client="another"))


@step(r'the header "(?P<name>[^"]+)" complies with the (?:OAS )?schema at "(?P<schema>[^"]+)"')
def header_complies(context, name, schema):
    value = str(uuid.uuid4())
    assert not context.description.complaints(value, context.description.schema(schema))
    context.request.headers[name] = value


@step(r'the header "(?P<name>[^"]+)" does not comply with the (?:OAS )?schema at "(?P<schema>[^"]+)"')
def header_violates(context, name, schema):
    value = "not a correlator!"
    assert context.description.complaints(value, context.description.schema(schema))
    context.request.headers[name] = value


@step(r'the header "(?P<name>[^"]+)" is set to an? (?:random )?UUID(?: value)?')
def header_uuid(context, name):
    context.request.headers[name] = str(uuid.uuid4())


@step(r'the header "(?P<name>[^"]+)" is set to "(?P<value>[^"]*)"')
def header_is(context, name, value):
    context.request.headers[name] = value


# --- path

PARAMETER = r'(?:the )?path param(?:eter)? "?(?P<name>\w+)"? '


@step(PARAMETER + r'is set(?: by default)? to (?:an? |the )?(?P<what>.+)')
def path_parameter(context, name, what):
    context.request.parameters[name] = parameter_value(context, name, what)


@step(PARAMETER + r'has a length not between (?P<least>\d+) and \d+')
def path_parameter_length(context, name, least):
    context.request.parameters[name] = "a" * (int(least) - 1)


@step(PARAMETER + r'(?:has not a UUID format|does not (?:comply with|match) .*|has an invalid .*)')
def path_parameter_wrong(context, name):
    context.request.parameters[name] = "not_a_uuid" if name == "sessionId" else "not%20a%20name"


def parameter_value(context, name, what):
    words = what.lower()
    if name == "sessionId":
        if "random" in words or "non-existing" in words or "not exist" in words or "unknown" in words:
            return str(uuid.uuid4())
        if context.created is None:
            context.created = context.world.make_session()
        return context.created[1]["sessionId"]
    if any(text in words for text in ("non-exist", "non exist", "not exist", "random", "unknown", "undefined")):
        return "no-such-profile"
    if any(text in words for text in ("invalid", "not comply", "not compliant", "too short")):
        return "no%20name"
    if what.startswith('"'):
        return what.strip('"')
    return context.world.profile()["name"]


# --- body

@step(r'(?:the request body is set(?: by default)? to )?a request body compliant with the (?:OAS )?schema(?: at "?(?P<schema>[^"]+)"?)?')
def body_default(context, schema):
    context.request.body = default_body(context, schema or "")
    complaints = context.description.complaints(context.request.body, context.description.schema(schema)) if schema else []
    assert not complaints, complaints


@step(r'the request body is set to a valid request body')
def body_valid(context):
    valid_body(context)


@step(r'the request body is set to any value which is not compliant with the schema(?: at)? "?(?P<schema>[^"]+)"?')
def body_violates(context, schema):
    context.request.body = {"unknownProperty": True}
    if not context.description.complaints(context.request.body, context.description.schema(schema)):
        context.request.body = [1, 2, 3]


@step(r'the request body is (?:not included|not sent|missing)')
def body_none(context):
    context.request.body = Request.NONE


@step(r'the request body (?:is set to|is)(?: an)?(?: empty object)?:? ?(?P<text>\{\})?')
def body_empty(context, text):
    context.request.body = {}


@step(r'the ' + BODY + r'properties (?P<paths>(?:"[^"]+"(?:, | and |, and )?)+) are not (?:included|set|provided)')
def properties_absent(context, paths):
    for path in re.findall(r'"([^"]+)"', paths):
        context.request.remove(path)


@step(r'the ' + BODY + r'property +' + PATH + r' (?:is not included|does not exist|is removed|is not set)')
def property_absent(context, path):
    context.request.remove(path)


@step(r'the ' + BODY + r'property +' + PATH + r' exists')
def property_exists(context, path):
    if path.endswith("ipAddresses"):
        # Beside what is there: whoever wants it away says so.
        context.request.set(path, [context.world.destination])
        context.list_only = True


@step(r'the ' + BODY + r'propert(?:y|ies) +' + PATH + r'(?: and/or "(?P<other>[^"]+)")? exists?(?P<valid> and have valid values which include a subnet mask)?')
def properties_exist(context, path, other, valid):
    context.request.ensure_body()["applicationServer"] = (
        context.world.subnet_object() if valid else context.world.server_object())


@step(r'the ' + BODY + r'property +' + PATH + r' does not comply with the (?:OAS )?schema at "(?P<schema>[^"]+)"')
def property_violates(context, path, schema):
    context.request.set(path, context.description.wrong_value(schema))


@step(r'the ' + BODY + r'property +' + PATH + r' is compliant with the schema but does not identify a valid device')
def device_unknown(context, path):
    context.request.set(path, {"ipv4Address": {"publicAddress": "203.0.113.250", "privateAddress": "203.0.113.250"}})


@step(r'the ' + BODY + r'property +' + PATH + r' only includes device identifiers not supported by the implementation')
def device_unsupported(context, path):
    make_two_legged(context, with_device=False)  # who names a device has a token that does not
    context.request.set(path, {"phoneNumber": "+123456789"})


@step(r'the ' + BODY + r'property +' + PATH + r' includes several identifiers.*')
def device_several(context, path):
    context.request.set(path, {**context.world.device_object(), "ipv6Address": "2001:db8::250"})


@step(r'the ' + BODY + r'property +' + PATH + r' is set to a value other than "?(?P<value>[^"]+)"?')
def property_other_than(context, path, value):
    context.request.set(path, "other-than-" + value)


@step(r'the ' + BODY + r'property +' + PATH + r' is set to a value not between (?:between )?(?P<least>\d+) and (?P<most>\d+)')
def property_out_of_range(context, path, least, most):
    context.request.set(path, int(most) + 1)


@step(r'the ' + BODY + r'property +' + PATH + r' is set to:? ?(?P<value>\{\}|\[\]|-?\d+|true|false|null|"[^"]*")')
def property_literal(context, path, value):
    context.request.set(path, json.loads(value))


@step(r'the ' + BODY + r'property +' + PATH + r' is set to (?P<what>(?:an? |the |any )?(?!value (?:other|not between))[^"{\[\d:-].*)')
def property_described(context, path, what):
    context.request.set(path, described_value(context, path, what.lower()))


@step(r'the number of items in request body array ' + PATH + r' is (?P<how>greater than|less than|equal to) (?P<count>\d+)')
def list_length(context, path, how, count):
    count = int(count)
    items = jsonpath.get(context.request.ensure_body(), path)
    items = list(items) if isinstance(items, list) else []
    wanted = {"greater than": max(len(items), count + 1), "less than": min(len(items), count - 1), "equal to": count}[how]
    while len(items) < wanted:
        items.append(f"192.0.2.{len(items) + 1}" if items else context.world.destination)
    context.request.body["applicationServer"] = {"ipAddresses": items[:wanted]}


@step(r'each item within request body array ' + PATH + r' is (?P<how>.+)')
def list_good(context, path, how):
    items = jsonpath.get(context.request.body, path)
    assert items and len(set(items)) == len(items), items


@step(r'at least (?:two items|one item) within request body array ' + PATH + r' (?P<how>.+)')
def list_bad(context, path, how):
    items = jsonpath.get(context.request.body, path)
    if "same value" in how:
        items[1] = items[0]
    elif "contains" in how:
        items[0] = "198.51.100.0/24"
    else:
        items[0] = "not an address"


