"""resources/api/openapi.json: its operations, and whether what was said on the wire is what it describes."""
import json
import os
import re

import jsonschema

_formats = jsonschema.FormatChecker()


@_formats.checks("date-time")
def _is_time(value):
    return not isinstance(value, str) or bool(
        re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$", value))


class Operation:
    def __init__(self, method, path, document):
        self.method = method
        self.path = path
        self.document = document
        self.id = document["operationId"]
        self.role = document["x-netpas-role"]
        self.doors = document["x-netpas-doors"]
        self.statuses = {status for status in document["responses"] if status != "default"}
        self.takes_json = "application/json" in document.get("requestBody", {}).get("content", {})
        names = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
        self._pattern = re.compile("^" + re.sub(r"{[^}]+}", "[^/]+", names) + "$")

    def is_for(self, path):
        return bool(self._pattern.match(path))

    def at(self, **parameters):
        return re.sub(r"{([^}]+)}", lambda name: str(parameters[name.group(1)]), self.path)


class Description:
    def __init__(self, folder):
        self.base = "file://" + os.path.join(folder, "openapi.json")
        self.files = {}
        for name in ("openapi.json", "rules.schema.json"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                self.files["file://" + os.path.join(folder, name)] = json.load(file)
        self.document = self.files[self.base]
        self.operations = {}
        # A path without names comes before one with them, as in the code.
        for path in sorted(self.document["paths"], key=lambda one: one.count("{")):
            for method, operation in self.document["paths"][path].items():
                found = Operation(method.upper(), path, operation)
                self.operations[found.id] = found

    def operation(self, method, path):
        path = path.partition("?")[0]
        fitting = [one for one in self.operations.values() if one.is_for(path)]
        return next((one for one in fitting if one.method == method and one.path == fitting[0].path),
                    next((one for one in fitting if one.method == method), None))

    def resolved(self, node):
        """A response or parameter, which may be kept among the components."""
        while "$ref" in node and node["$ref"].startswith("#/components/") and not node["$ref"].startswith("#/components/schemas/"):
            node = self.document["components"][node["$ref"].split("/")[2]][node["$ref"].split("/", 3)[3]]
        return node

    def complaints(self, value, schema):
        resolver = jsonschema.RefResolver(self.base, self.document, store=self.files)
        validator = jsonschema.Draft202012Validator(schema, resolver=resolver, format_checker=_formats)
        return [f"{'/'.join(map(str, error.absolute_path)) or '$'}: {self._told(error)}" for error in validator.iter_errors(value)]

    def _told(self, error):
        inner = [one.message for one in error.context or []]
        return (error.message[:300] + (" (" + "; ".join(inner)[:300] + ")" if inner else ""))

    def judge_reply(self, operation, answer):
        """What is wrong with an answer of the operation; nothing when it is as described."""
        responses = operation.document["responses"]
        named = str(answer.status) in responses
        response = self.resolved(responses[str(answer.status)] if named else responses["default"])
        found = self._judge_body(response, answer)
        # Beside what an operation says itself, there is what may happen to any.
        if found and named and answer.status >= 400 and not self._judge_body(self.resolved(responses["default"]), answer):
            return []
        for name, header in response.get("headers", {}).items():
            value = answer.header(name)
            if value is not None:
                found += self.complaints(value, header["schema"])
        return found

    def judge_error(self, answer):
        """Of what is no operation here: another method, another door, or a path that is not there."""
        usual = {404: "404.NOT_FOUND", 403: "403.UNAUTHORIZED.RESTRICTED", 401: "401.UNAUTHORIZED", 423: "423.LOCKED"}
        found = self._judge_body(self.document["components"]["responses"][usual.get(answer.status, "Failed")], answer)
        if answer.status == 405 and not answer.header("Allow"):
            found.append("405 without Allow")
        return found

    def _judge_body(self, response, answer):
        kind = answer.header("Content-Type")
        if kind not in response["content"]:
            return [f"the type is {kind}"]
        schema = response["content"][kind]["schema"]
        if kind == "application/x-ndjson":
            lines = answer.text.splitlines()
            return [f"line {number}: {one}" for number, line in enumerate(lines, 1) for one in self.complaints(json.loads(line), schema)]
        if kind != "application/json":
            return []
        try:
            return self.complaints(json.loads(answer.text), schema)
        except ValueError:
            return ["the body is not JSON: " + answer.text[:100]]

    def judge_request(self, operation, body):
        """Of a request that was done: the description must not be stricter than the code."""
        content = operation.document.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            return []
        return self.complaints(body, content["application/json"]["schema"])
