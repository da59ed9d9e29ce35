#!/usr/bin/env python3
"""The other end of our messages, written from how the original program was observed to behave.

Reads every message of the queues named, says what is wrong with each, and sends it again as the original
program would have written it: escaped as PHP does, without a time (`sync:data` adds none), `store` null, and
one deletion of the first key before. Prints how many it read, as JSON.
"""

import json
import sys

import pika

PARTS = ["key", "value", "resource", "store", "params"]


def faults(method, properties, body):
    text = body.decode("utf-8")
    message = json.loads(text)
    if properties.delivery_mode != 2:
        yield "it isn't persistent"
    if list(message) not in (["write"], ["delete"]):
        yield f"it holds {list(message)}"
    part = next(iter(message.values()))
    if list(part) != PARTS:
        yield f"its parts are {list(part)}"
    if not isinstance(part["value"].get("_timestamp"), float):
        yield "its value has no time"
    if part["store"] not in ("DE", "AT"):
        yield f"its store is {part['store']!r}"
    wanted = {"type": "page"} if "search" in method.exchange else []
    if part["params"] != wanted:
        yield f"its params are {part['params']}"
    if part["key"].split(":")[0] != part["resource"]:
        yield f"its key {part['key']} isn't of {part['resource']}"
    if method.routing_key != "":
        yield f"its routing key is {method.routing_key!r}"


def as_php(message):
    return json.dumps(message, separators=(",", ":")).replace("/", "\\/")


def main():
    channel = pika.BlockingConnection(pika.URLParameters(sys.argv[1])).channel()
    persistent = pika.BasicProperties(delivery_mode=2)
    read, wrong = {}, []
    for queue in sys.argv[2:]:
        messages = []
        while True:
            method, properties, body = channel.basic_get(queue, auto_ack=True)
            if method is None:
                break
            wrong += [f"{queue}: {fault}: {body!r}" for fault in faults(method, properties, body)]
            messages.append(json.loads(body))
        read[queue] = len(messages)
        for number, message in enumerate(messages):
            part = next(iter(message.values()))
            part["value"].pop("_timestamp", None)
            part["store"] = part["store"] if number % 2 else None
            if number == 0:
                part["store"] = part["store"] or "DE"
                deleted = dict(part, value={"_timestamp": 1526033491.21})
                channel.basic_publish(queue, "", as_php({"delete": deleted}), persistent)
            channel.basic_publish(queue, "", as_php(message), persistent)
    print(json.dumps({"read": read, "wrong": wrong}))


main()
