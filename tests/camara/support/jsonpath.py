"""The few JSON paths that feature files use: $.a.b, $[0].a, $.a[*], and lists whose index is left out ($.ports.ranges.from)."""
import re

MISSING = object()


def parts_of(path):
    path = path.strip().strip('"')
    path = path[1:] if path.startswith("$") else path
    return [part for part in re.findall(r"[^.\[\]]+", path)]


def get(value, path):
    for part in parts_of(path):
        if part == "*":
            continue
        if isinstance(value, list) and part.isdigit():
            value = value[int(part)] if int(part) < len(value) else MISSING
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return MISSING
        if value is MISSING:
            return MISSING
    return value


def get_all(value, path):
    """Of every element where the path says [*]; a list of what is there (MISSING included)."""
    found = [value]
    for part in parts_of(path):
        if part == "*":
            found = [element for one in found if isinstance(one, list) for element in one]
        else:
            found = [get(one, part) if one is not MISSING else MISSING for one in found]
    return found


def remove(value, path):
    parts = parts_of(path)
    for part in parts[:-1]:
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value.pop(parts[-1], None)
