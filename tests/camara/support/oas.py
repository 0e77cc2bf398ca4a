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
                    self.operations[operation["operationId"]] = (method.upper(), path)

    def _file(self, name):
        base = os.path.basename(name)  # whatever folder the reference has: all lie in one here
        if base not in self._files:
            with open(os.path.join(self._folder, base), encoding="utf-8") as file:
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
        """`pointer` as feature files write it: with or without "#"."""
        return self._whole({"$ref": "#/" + pointer.lstrip("#").strip("/")}, self._name)

    def header_schema(self, pointer):
        try:
            return self.schema(pointer)
        except KeyError:  # the common parts are in another file now
            return self._whole({"$ref": "CAMARA_common.yaml#/" + pointer.lstrip("#").strip("/")}, self._name)

    def complaints(self, value, schema):
        validator = jsonschema.Draft7Validator(schema, format_checker=_formats)
        return [f"{'/'.join(map(str, error.absolute_path)) or '$'}: {error.message}" for error in validator.iter_errors(value)]

    def wrong_value(self, pointer):
        """Something that the schema does not allow, and looks as near to it as can be."""
        schema = self.header_schema(pointer)
        for candidate in ("not valid", 12345, True, [], {}):
            if self.complaints(candidate, schema):
                return candidate
        raise AssertionError(f"everything complies with {pointer}")
