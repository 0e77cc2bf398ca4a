"""The request that a scenario builds, and defaults for what it leaves open."""
import copy
import datetime
import re

from . import jsonpath

LISTS = {"ranges", "ports", "ipAddresses"}


def later(seconds):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Request:
    NONE = object()  # no body at all

    def __init__(self):
        self.resource = None
        self.headers = {}
        self.body = Request.NONE
        self.parameters = {}
        self.defaults = {}

    def ensure_body(self):
        if self.body is Request.NONE or not isinstance(self.body, dict):
            self.body = {}
        return self.body

    def set(self, path, value):
        """Makes what is above it, so that only this value is unusual."""
        parts = jsonpath.parts_of(path)
        node = self.ensure_body()
        for index, part in enumerate(parts[:-1]):
            following = parts[index + 1]
            if not isinstance(node.get(part), (dict, list)):
                node[part] = copy.deepcopy(self.defaults.get(part, {}))
            if part in LISTS and following != "*":
                if not isinstance(node[part], list) or not node[part]:
                    node[part] = [copy.deepcopy(self.defaults.get(part + "[]", {}))]
                node = node[part][0]
            elif following == "*":
                node[part] = [value]
                return
            else:
                node = node[part]
        node[parts[-1]] = value

    def remove(self, path):
        jsonpath.remove(self.ensure_body(), path)

    def path(self):
        def fill(match):
            return str(self.parameters[match.group(1)])

        return re.sub(r"\{(\w+)\}", fill, self.resource)
