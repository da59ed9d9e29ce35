"""Row by row, what differs between this database (PROD) and another one (TEST), table by table.

Compares by primary key and knows nothing of identities: an independent look at what there is to do.
"""

from collections import Counter

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from psycopg import sql

from shop.content import CONTENT, LEDGER, OF_THE_ENVIRONMENT, TIMES


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("test", help="URL of the TEST database")
        parser.add_argument("--rows", action="store_true", help="every differing row of content")
        parser.add_argument(
            "--left",
            nargs="+",
            metavar="UPC",
            help="look at content alone and fail unless these products, which TEST lacks, are all "
            "that is left to do",
        )

    def handle(self, test, rows, left, **options):
        with connection.cursor() as prod, psycopg.connect(test) as test_connection:
            here = prod.connection
            self.left = left and products(here, left)
            self.unexpected = []
            for table in tables(here):
                self.compare(table, here, test_connection, rows)
        if self.unexpected:
            raise CommandError("still to do: " + ", ".join(self.unexpected))

    def compare(self, table, here, there, rows):
        ours, theirs = read(here, table), read(there, table)
        new = sorted(theirs.keys() - ours.keys())
        gone = sorted(ours.keys() - theirs.keys())
        changed, columns = {}, Counter()
        skip = OF_THE_ENVIRONMENT.get(table, set()) | TIMES.get(table, set())
        for key in sorted(ours.keys() & theirs.keys()):
            differing = [c for c in ours[key] if ours[key][c] != theirs[key][c]]
            columns.update(differing)
            if set(differing) - skip:
                changed[key] = differing
        if not (new or gone or columns):
            return
        kind = "content" if table in CONTENT else "never"
        if self.left and kind == "never":
            return
        if self.left:
            column = "id" if table == "catalogue_product" else "product_id"
            rest = [key for key in gone if ours[key].get(column) not in self.left]
            self.unexpected += [f"{table} {key}" for key in [*new, *rest, *changed]]
        named = ", ".join(f"{column} {count}" for column, count in sorted(columns.items()))
        print(f"{kind} {table}: new {len(new)}, gone {len(gone)}, changed {len(changed)}", end="")
        print(f" ({named})" if named else "")
        if rows and kind == "content":
            for key in new:
                print(f"  + {key} {theirs[key]}")
            for key in gone:
                print(f"  - {key} {ours[key]}")
            for key, differing in changed.items():
                for column in differing:
                    print(f"  ~ {key} {column}: {ours[key][column]!r} -> {theirs[key][column]!r}")


def tables(connected):
    found = connected.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    )
    return [name for (name,) in found if not name.startswith(LEDGER)]


def products(connected, upcs):
    found = connected.execute("SELECT id FROM catalogue_product WHERE upc = ANY(%s)", [upcs])
    return {key for (key,) in found}


def read(connected, table):
    """The rows by primary key, which is the first column in all of Django's tables."""
    with connected.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
        names = [column.name for column in cursor.description]
        return {row[0]: dict(zip(names, row)) for row in cursor}
