"""When: the request leaves."""
from support.requests import Request
from support.steps import step


def send(context, method):
    world, request = context.world, context.request
    path = world.real_path(request.path())
    body = None if request.body is Request.NONE or method in ("GET", "DELETE") else request.body
    headers = dict(request.headers)
    if body is None:
        headers.pop("Content-Type", None)
    if context.flood:
        exhaust(context, headers["Authorization"])
        context.response = world.server.call(method, path, body, headers)
    else:
        context.response = world.patiently(method, path, body, headers)
    remember(context, body)


def exhaust(context, token):
    """More than a client may ask in a second."""
    nothing = f"/quality-on-demand/{context.world.version}/sessions/00000000-0000-4000-8000-000000000000"
    for _ in range(1000):
        if context.world.server.call("GET", nothing, None, {"Authorization": token}).status == 429:
            return
    raise AssertionError("no threshold was reached")


def remember(context, body):
    answer = context.response
    if answer.status == 201 and "sessionId" in answer.body:
        context.created = (body, answer.body)
        context.world.made.append((answer.body["sessionId"], context.token or context.world.usual_token()))


@step(r'the request "(?P<operation>\w+)" is sent')
def send_operation(context, operation):
    known = context.description.operation(operation)
    assert known, f"there is no operation {operation}"
    assert context.request.resource.endswith(known.path), f"{context.request.resource} is not where {operation} is"
    context.method = known.method
    send(context, context.method)


@step(r'the HTTP "(?P<method>\w+)" request is sent')
def send_method(context, method):
    context.method = method
    send(context, method)
