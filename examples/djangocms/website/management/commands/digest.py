"""What must not change on PROD, as digests of the tables that no manifest reaches. `--save` writes them
to a file, `--compare` tells what differs since."""

import hashlib
import json

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

CONTENT = {
    "cms_cmsplugin",
    "cms_page",
    "cms_pagecontent",
    "cms_pageurl",
    "cms_placeholder",
    "djangocms_link_link",
    "djangocms_text_text",
    "djangocms_versioning_statetracking",
    "djangocms_versioning_version",
}


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--save", metavar="FILE")
        what.add_argument("--compare", metavar="FILE")

    def handle(self, save, compare, **options):
        found = {
            model._meta.db_table: digest(model)
            for model in apps.get_models(include_auto_created=True)
            if model._meta.managed and not model._meta.proxy
            and model._meta.db_table not in CONTENT
        }
        if save:
            with open(save, "w", encoding="utf-8") as file:
                json.dump(found, file, indent=1, sort_keys=True)
            return
        with open(compare, encoding="utf-8") as file:
            before = json.load(file)
        changed = sorted(table for table in before if before[table] != found[table])
        if changed:
            raise CommandError("changed since: " + ", ".join(changed))
        print(f"{len(before)} tables are as they were")


def digest(model):
    rows = model._base_manager.order_by("pk").values_list()
    text = "\n".join(repr(row) for row in rows)
    return f"{len(rows)} rows {hashlib.sha256(text.encode()).hexdigest()}"
