"""Every scenario starts without sessions of its own and leaves none. What does not apply is skipped, each with its reason in
applicability.py, and told by `run`."""
import json
import os
import sys

# The suite is run through a folder of links (run): what is imported lies beside the real file.
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from applicability import DEVIATIONS, deviations_met, reason_to_skip  # noqa: E402
from support.requests import Request, later  # noqa: E402
from support.world import World  # noqa: E402


def before_all(context):
    context.world = World(context.config.userdata)
    context.skipped = {}


def after_all(context):
    """What `run` tells besides what behave reports."""
    told = context.config.userdata.get("told")
    if told:
        deviations = [{"said": said, "expected": DEVIATIONS[said][0], "reason": DEVIATIONS[said][1]} for said in sorted(deviations_met)]
        with open(told, "w", encoding="utf-8") as file:
            json.dump({"skipped": context.skipped, "deviations": deviations}, file)


def place_of(scenario):
    """Names are not unique."""
    return f"{os.path.basename(scenario.filename)}:{scenario.line}"


def before_scenario(context, scenario):
    reason = reason_to_skip(scenario, context.world)
    if reason:
        context.skipped[place_of(scenario)] = reason
        scenario.skip(reason)
        return
    world = context.world
    context.request = Request()
    context.request.defaults = {
        "device": {}, "ipv4Address": {"publicAddress": world.device}, "ranges[]": {"from": 5000, "to": 5001},
        "sinkCredential": {"credentialType": "ACCESSTOKEN", "accessToken": "sink-token", "accessTokenType": "bearer",
                           "accessTokenExpiresUtc": later(3600)}}
    context.response = None
    context.created = None  # (request body, SessionInfo) of createSession
    context.event = None
    context.flood = False
    context.token = None
    context.method = ""
    context.traffic = None
    context.rule_changed = False


def after_scenario(context, scenario):
    if not hasattr(context, "world") or scenario.status == "skipped":
        return
    if context.traffic:
        context.traffic.stop()
    if context.rule_changed:
        context.world.let("--up-to", "always")
    context.world.clean_up()
