"""What must not change on PROD, as digests: every table that isn't content, and the columns of content
that belong to the environment. `--save` writes them to a file, `--compare` tells what differs since."""

import hashlib
import json

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from shop.content import CONTENT, OF_THE_ENVIRONMENT


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--save", metavar="FILE")
        what.add_argument("--compare", metavar="FILE")

    def handle(self, save, compare, **options):
        if save:
            with open(save, "w", encoding="utf-8") as file:
                json.dump(digests(), file, indent=1, sort_keys=True)
            return
        with open(compare, encoding="utf-8") as file:
            before = json.load(file)
        changed = differences(before, digests())
        if changed:
            raise CommandError("changed since: " + ", ".join(changed))
        print(f"{len(before['tables'])} tables are as they were")


def digests():
    models = apps.get_models(include_auto_created=True)
    return {
        "tables": {
            model._meta.db_table: table_digest(model)
            for model in models
            if model._meta.db_table not in CONTENT
        },
        "columns": {
            model._meta.db_table: environment_columns(model)
            for model in models
            if model._meta.db_table in OF_THE_ENVIRONMENT
        },
    }


def table_digest(model):
    rows = model._base_manager.order_by("pk").values_list()
    text = "\n".join(repr(row) for row in rows)
    return f"{len(rows)} rows {hashlib.sha256(text.encode()).hexdigest()}"


def environment_columns(model):
    columns = sorted(OF_THE_ENVIRONMENT[model._meta.db_table])
    rows = model._base_manager.values_list("pk", *columns)
    return {str(key): repr(values) for key, *values in rows}


def differences(before, after):
    changed = [
        f"{table} ({before['tables'][table]} -> {after['tables'][table]})"
        for table in before["tables"]
        if before["tables"][table] != after["tables"][table]
    ]
    for table, rows in before["columns"].items():
        # A row that was deleted took its columns along.
        changed += [
            f"{table} {key} ({was} -> {after['columns'][table][key]})"
            for key, was in rows.items()
            if after["columns"][table].get(key, was) != was
        ]
    return changed
