#!/usr/bin/env python3
"""Works out keys, rows, messages and index names from what went into them, and compares.

Written from how the original program was observed to behave, by itself: nothing here is shared
with the program that it checks. Takes the file of cases; prints each that differs, and how many it
looked at. `--fill` writes what it works out into the file instead.
"""

import json
import sys
from decimal import Decimal

TRIMMED = " \t\n\r\0\x0b"
REPLACED = "\"' \0\n\r"


def escaped(reference):
    lower = reference.strip(TRIMMED).lower()
    return "".join("-" if character in REPLACED else character for character in lower)


def key_of(resource, store, locale, reference):
    """`resource:store:locale:reference`; absent parts drop out, the first colon stays."""
    parts = [part.lower() for part in (store, locale) if part]
    if reference not in (None, "", "0") and escaped(reference):
        parts.append(escaped(reference))
    return resource + ":" + ":".join(parts)


def text_of(value):
    """JSON without blanks; decimals with the digits they came with."""
    if isinstance(value, Number):
        return value.digits
    if isinstance(value, dict):
        parts = (f"{text_of(name)}:{text_of(part)}" for name, part in value.items())
        return "{" + ",".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(text_of, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


class Number:
    """A number as it was written."""

    def __init__(self, digits):
        self.digits = digits

    def __eq__(self, other):
        return isinstance(other, Number) and Decimal(self.digits) == Decimal(other.digits)


def parsed(text):
    """Pairs in their order, so that nothing is lost or stands twice."""

    def pairs(found):
        names = [name for name, _ in found]
        assert len(names) == len(set(names)), f"{names} has one twice"
        return dict(found)

    return json.loads(text, parse_float=Number, parse_int=Number, object_pairs_hook=pairs)


def stamp(version):
    return Number(f"{version // 1000000}.{version % 1000000:06}")


def message_of(case):
    """The body on a queue. `value` is JSON text; absent: the key is deleted."""
    value = parsed(case["value"]) if case["value"] is not None else {}
    if case["version"] is not None:
        value = {**value, "_timestamp": stamp(case["version"])}
    part = {
        "key": case["key"],
        "value": value,
        "resource": case["resource"],
        "store": case["store"] or "",
        "params": {"type": case["type"]} if case["type"] else [],
    }
    return text_of({"write" if case["value"] is not None else "delete": part})


def read_of(case):
    """What a message of any program says: key, store, type, version, value without the version."""
    envelope = parsed(case["body"])
    verb = "write" if "write" in envelope else "delete"
    part = envelope[verb]
    value = part.get("value") or {}
    version = value.pop("_timestamp", None) if value else None
    if version is not None:
        version = int(Decimal(version.digits) * 1000000)
    params = part.get("params") or {}
    return {
        "key": part["key"],
        "store": part.get("store") or None,
        "type": params.get("type"),
        "version": version,
        "value": text_of(value) if verb == "write" else None,
    }


def row_of(case):
    """The row of an entity for one store and locale, and the messages that it becomes."""
    columns = {column["name"]: column for column in case["columns"]}

    def cell(name):
        column = columns[name]
        if column["kind"] in ("integer", "decimal", "json"):
            return parsed(column["text"])
        return {"null": None, "true": True, "false": False}.get(column["kind"], column.get("text"))

    def words(name):
        return columns[name].get("text")

    resource, store, locale = case["resource"], case["store"], case["locale"]
    aliases = {}
    for mapping in case["mappings"]:
        source, destination = mapping.split(":")
        if words(source) not in (None, ""):
            alias = key_of(resource, store, locale, f"{source}:{words(source)}")
            aliases[alias] = {"id": cell(destination)}
    data = {name: cell(name) for name in case["shown"]}
    return {
        "key": key_of(resource, store, locale, words(case["suffix"]) if case["suffix"] else None),
        "store": store,
        "locale": locale,
        "data": text_of(data),
        "alias_keys": text_of(dict(sorted(aliases.items()))) if aliases else None,
    }


def wanted(kind, case):
    if kind == "keys":
        key = key_of(case["resource"], case["store"], case["locale"], case["reference"])
        return {"storage": "kv:" + key, "search": key}
    if kind == "indexes":
        parts = [case["prefix"], case["store"], case["type"]]
        return {"index": "_".join(part for part in parts if part).lower()}
    if kind == "messages":
        return {"body": message_of(case)}
    if kind == "reads":
        return read_of(case)
    return row_of(case)


def main(path, fill):
    with open(path, encoding="utf-8") as file:
        cases = json.load(file)
    looked_at, wrong = 0, 0
    for kind, listed in cases.items():
        for case in listed:
            looked_at += 1
            found = wanted(kind, case["of"])
            if fill:
                case["is"] = found
            elif case.get("is") != found:
                wrong += 1
                print(f"{kind}: {case['of']}\n  stands there: {case.get('is')}\n  should be: {found}")
    if fill:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(cases, file, ensure_ascii=True, indent=1)
            file.write("\n")
    print(f"{looked_at} cases, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], "--fill" in sys.argv[2:]))
