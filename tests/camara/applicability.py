"""What of the feature files does not apply to NetPaS, and where a feature file and the API description of the same project say different
things. Everything here is told in the report of `run`: nothing is left out in silence."""
import re

APIS = ("quality-on-demand", "qos-profiles")

# Text of a step → why a scenario with it cannot be run here.
DOES_NOT_APPLY = {
    r"that implementation has QoS Profiles restricted to certain devices|a device suitable for the restricted QoS Profiles .*|"
    r"(?:the|no) restricted QoS Profiles? (?:is|are) \w+ in the response":
        "no profile is restricted to certain devices: an agent serves the one device that it runs on",
    r"a device for which the service is not applicable, provided in the request body or identified by the access token":
        "qos-profiles.yaml has the answer 422 SERVICE_NOT_APPLICABLE for such a device, which another scenario wants; this one wants an "
        "empty list",
    r"the response status code is TBD": "the feature file leaves open what the answer is",
}

# In a feature file → in the description.
DEVIATIONS = {
    "org.camaraproject.qod.v1.qos-status-changed": (
        "org.camaraproject.quality-on-demand.v1.qos-status-changed",
        "quality-on-demand.yaml (QosEventType) allows only the second; the feature files were not changed with it"),
    "qod-provisioning:device-qos:retrieve-by-device": (
        "quality-on-demand:sessions:retrieve-by-device", "the scope that the feature file names is another API's"),
}
deviations_met = set()


def reason_to_skip(scenario, world):
    """None: it applies."""
    texts = [step.name for step in scenario.all_steps]
    for pattern, reason in DOES_NOT_APPLY.items():
        if any(re.fullmatch(pattern, text) for text in texts):
            return reason
    if not world.device6 and any("IPv6 address of this machine" in text for text in texts):
        return "this machine has no IPv6 address"
    if not world.sink_url and any("an event is received" in text for text in texts):
        return "no place for notifications was given (sink_url)"
    resource = first(r'the resource "/?([^"]+)"', texts)
    if resource is None:
        return None
    api = resource.split("/")[0]
    if api not in APIS:
        return f"{api} is another API"
    description = world.description(resource)
    if description is None:
        return None
    named, method = first(r'the request "(\w+)" is sent', texts), first(r'the HTTP "(\w+)" request is sent', texts)
    operation = description.operation(named) if named else description.operation_at(method, "/" + resource)
    return reason_of(operation, texts, description) if operation else None


def reason_of(operation, texts, description):
    status = int(first(r"the response status code is (\d+)", texts) or 0)
    wanted = [code for text in texts if re.match(r'the response (?:body )?property "\$\.code" is ', text)
              for code in re.findall(r'"([A-Z][A-Z_.]+)"', text)]
    # Answers of a status that the description leaves out are those of HTTP in general.
    if wanted and not operation.codes.get(status, set(wanted)).intersection(wanted):
        return f"the API description has no answer {status} {' or '.join(wanted)} for {operation.method} {operation.path}"
    empty = any(re.fullmatch(r"the request body is set to:? ?\{\}", text) for text in texts)
    if empty and "the response status code is 400" in texts and not description.complaints({}, operation.body or {}):
        return f"an empty object complies with the API description of {operation.method} {operation.path}: nothing in it is required"
    return None


def first(pattern, texts):
    return next((match.group(1) for match in (re.fullmatch(pattern, text) for text in texts) if match), None)


def expected_by_description(value):
    """The value to expect for what a feature file says; remembers that they differ."""
    if value in DEVIATIONS:
        deviations_met.add(value)
        return DEVIATIONS[value][0]
    return value
