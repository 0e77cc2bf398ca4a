"""What a request says where a feature file only says of what kind it is."""
import re

from . import jsonpath
from .requests import Request, later


def use_token(context, token):
    context.token = token
    context.request.headers["Authorization"] = "Bearer " + token


def make_two_legged(context, with_device):
    use_token(context, context.world.token(device=False))
    if isinstance(context.request.body, dict):
        context.request.body.pop("device", None)
        if with_device:
            context.request.body["device"] = context.world.device_object()


def default_body(context, schema):
    world = context.world
    if schema.endswith("CreateSession"):
        return world.create_body()
    if schema.endswith("ExtendSessionDuration"):
        return {"requestedAdditionalDuration": 30}
    if schema.endswith(("RetrieveSessionsInput", "RetrieveSessionsByDevice")):
        return {"device": world.device_object()} if world.legs == "2" else {}
    return {}  # of profiles: no filter


def valid_body(context):
    """Of whatever the resource is asked for."""
    if context.request.body is Request.NONE:
        path = context.request.resource
        kinds = {"/sessions": "CreateSession", "/extend": "ExtendSessionDuration", "/retrieve-sessions": "RetrieveSessionsInput"}
        context.request.body = default_body(context, next((kind for end, kind in kinds.items() if path.endswith(end)), ""))


def described_value(context, path, what):
    world = context.world
    name = jsonpath.parts_of(path)[-1]
    negative = any(word in what for word in ("invalid", "non existent", "non-existent", "not exist", "non-existing", "not valid"))
    if name == "applicationServer":
        return world.server_object()
    if name in ("qosProfile", "name"):
        if negative:
            return "no-such-profile"
        return world.profile()["name"]
    if name == "status":
        return re.search(r"inactive|active|deprecated", what).group().upper()
    if name == "duration":
        longest = seconds_of(world.profile()["maxDuration"])
        return longest + 1 if negative else 60
    if name == "requestedAdditionalDuration":
        longest = seconds_of(world.profile()["maxDuration"])
        if negative:
            return 0
        return longest if any(word in what for word in ("exceed", "maximum", "greater", "more than", "longer")) else 30
    if name == "sink":
        return world.sink_url
    if name == "accessToken":
        return world.credential()["accessToken"]
    if name == "device" and "ipv6" in what:
        return {"ipv6Address": world.device6}
    if name == "device":
        return {"phoneNumber": "bad"} if negative else world.device_object()
    if name == "accessTokenExpiresUtc":
        return later(3600)
    raise NotImplementedError(f"no value is known for {path}: {what}")


def seconds_of(span):
    return span["value"] * {"Days": 86400, "Hours": 3600, "Minutes": 60, "Seconds": 1}.get(span["unit"], 0)
