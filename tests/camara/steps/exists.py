"""Given: what exists before the request of a scenario: devices, profiles, sessions."""
import re

from applicability import DOES_NOT_APPLY
from support.bodies import make_two_legged, use_token, valid_body
from support.steps import step


def never(context):
    raise AssertionError("a scenario that says so is left out")


for text in DOES_NOT_APPLY:
    step(f"(?:{text})")(never)

# --- the device

@step(r'a valid testing device supported by the service, identified by the token or provided in the request body(?P<more>.*)')
def device_valid(context, more):
    if context.request.headers.get("Authorization") is None:
        use_token(context, context.world.usual_token())
    if "session" not in more:
        return
    context.world.clean_up()
    context.created = None if re.search(r"\b(no|without)\b", more) else context.world.make_session(sink=bool(context.world.sink_url))


@step(r'no device is provided in the request body or identified by the access token')
def device_none(context):
    make_two_legged(context, with_device=False)


@step(r'(?:that )?a[lt] least \d+ types of device identifiers are supported by the implementation')
@step(r'that some types? of device identifiers are not supported by the implementation')
@step(r'that the service is not available for all devices commercialized by the operator')
@step(r'no PRIVATE_KEY_JWT configuration has been pre-shared for the notification endpoint')
def so_it_is(context):
    pass  # always so here


@step(r'a valid device, identified by the token or provided in the request body, for which the service is not applicable')
def device_not_applicable(context):
    make_two_legged(context, with_device=False)
    context.request.set("$.device", {"ipv4Address": {"publicAddress": "127.0.0.1", "privateAddress": "127.0.0.1"}})


# --- profiles

@step(r'the requested QoS Profile exists but is not applicable for the session')
def profile_not_applicable(context):
    context.request.set("$.qosProfile", context.world.profile(status="INACTIVE")["name"])


@step(r'(?:an|at least one|some|several) existing QoS [Pp]rofiles?.*')
@step(r'(?:a|the) QoS [Pp]rofiles? (?:exists?|is available|are available).*')
def profile_exists(context):
    context.profile = context.world.profile()


@step(r'the "maxDuration" (?:for|of) the QoS [Pp]rofile of the session as returned by "qos-profiles" API')
def profile_of_session(context):
    context.profile = context.world.profile(name=context.created[1]["qosProfile"])
    assert context.profile["maxDuration"]["value"] > context.created[1]["duration"], context.profile


# --- sessions

@step(r'(?:an|at least one) existing QoS session created by operation createSession(?P<how>.*)')
@step(r'(?:a|an|at least one) (?:existing )?Qo[SD] session (?:has been|was) created successfully(?P<how>.*)')
@step(r'an existing QoS session(?P<how> with (?:qosStatus|status|"?\$\.qosStatus"?).*)')
@step(r'(?:a|an|at least one|one or more) (?:existing )?Qo[SD] sessions? (?:already )?exists? for (?:that|the|a|this)(?: \w+)*(?P<how>)')
def session_exists(context, how):
    words = how.lower()
    context.world.clean_up()  # the one that is there by default would be in the way
    if "unavailable" in words or ("not" in words and "available" in words):
        context.created = context.world.refused_session()
        return
    context.created = context.world.make_session(sink="sink" in words)
    if "available" in words:
        context.created = (context.created[0], context.world.await_status(context.created[1]["sessionId"], ["AVAILABLE"]))


@step(r'an existing QoS session failed to be created in the last \d+ seconds')
@step(r'an existing QoS session (?:in|with) (?:a )?status other than "?AVAILABLE"?.*')
def session_failed(context):
    context.world.clean_up()
    context.created = context.world.refused_session()


@step(r'no (?:existing )?Qo[SD] sessions? (?:exists?|is|are|has been|have been).*')
@step(r'(?:a valid testing )?device (?:without|with no)(?: any)? (?:existing )?Qo[SD] sessions?.*')
def session_none(context):
    context.world.clean_up()


@step(r'a valid request for "(?P<operation>\w+)"')
def valid_request(context, operation):
    valid_body(context)


@step(r'the threshold of requests has been reached')
def threshold(context):
    context.flood = True


@step(r'the QoS status of the session becomes known')
def status_known(context):
    session = context.created[1]["sessionId"]
    context.created = (context.created[0], context.world.await_status(session, ["AVAILABLE", "UNAVAILABLE"]))
