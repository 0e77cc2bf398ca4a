"""The OpenAPI descriptions that the feature files refer to: operations by id, and values judged by schemas."""
import os
import re

import jsonschema
import yaml

_formats = jsonschema.FormatChecker()


@_formats.checks("date-time")
def _is_time(value):
    return not isinstance(value, str) or bool(
        re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$", value))


@_formats.checks("uuid")
def _is_uuid(value):
    return not isinstance(value, str) or bool(re.match(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", value, re.I))


class Operation:
    def __init__(self, method, path, whole):
        self.method = method
        self.path = path
        self.body = whole.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        self.codes = {int(status): set(_codes_in(answer)) for status, answer in whole["responses"].items()}


def _codes_in(node):
    """Every value that a property "code" may have."""
    if isinstance(node, dict):
        code = node.get("properties", {}).get("code", {})
        yield from code.get("enum", []) if isinstance(code, dict) else []
    for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        yield from _codes_in(one)


class Description:
    def __init__(self, folder, name):
        self._folder = folder
        self._files = {}
        self._name = name
        self.document = self._file(name)
        self.operations = {}
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                if isinstance(operation, dict) and "operationId" in operation:
                    self.operations[operation["operationId"]] = Operation(method.upper(), path, self._whole(operation, name))

    def operation(self, name):
        """By its id, whose capitals are not the same everywhere; None: there is none."""
        return next((one for known, one in self.operations.items() if known.lower() == name.lower()), None)

    def operation_at(self, method, resource):
        fitting = [one for one in self.operations.values() if one.method == method and resource.endswith(one.path)]
        return max(fitting, key=lambda one: len(one.path), default=None)

    def _file(self, name):
        base = os.path.basename(name)  # all in one folder, or what is common beside it
        if base not in self._files:
            folders = [self._folder, os.path.join(self._folder, "../common")]
            found = next((folder for folder in folders if os.path.exists(os.path.join(folder, base))), self._folder)
            with open(os.path.join(found, base), encoding="utf-8") as file:
                self._files[base] = yaml.safe_load(file)
        return self._files[base]

    def _whole(self, node, name):
        """With every reference replaced by what it refers to."""
        if isinstance(node, list):
            return [self._whole(one, name) for one in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            file, _, pointer = node["$ref"].partition("#")
            target = os.path.basename(file) or name
            found = self._file(target)
            for part in pointer.strip("/").split("/"):
                found = found[part]
            return self._whole(found, target)
        return {key: self._whole(value, name) for key, value in node.items() if key not in ("discriminator", "example")}

    def schema(self, pointer):
        """`pointer` as feature files write it: with or without a file and "#". What was common moved to another file with time, some
        names grew longer, and some files name an operation where they mean what it is sent."""
        name = pointer.rpartition("/")[2]
        for file in (self._name, "CAMARA_common.yaml"):
            known = self._file(file)["components"]["schemas"]
            for schema in [name] if name in known else [one for one in known if one.startswith(name)]:
                return self._whole({"$ref": f"{file}#/components/schemas/{schema}"}, file)
        operation = self.operation(name)
        assert operation and operation.body, f"nothing is at {pointer}"
        return operation.body

    def complaints(self, value, schema):
        validator = jsonschema.Draft7Validator(schema, format_checker=_formats)
        return [f"{'/'.join(map(str, error.absolute_path)) or '$'}: {error.message}" for error in validator.iter_errors(value)]

    def wrong_value(self, pointer):
        """Something that the schema does not allow, and looks as near to it as can be."""
        schema = self.schema(pointer)
        for candidate in ("not valid", 12345, True, [], {}):
            if self.complaints(candidate, schema):
                return candidate
        raise AssertionError(f"everything complies with {pointer}")
