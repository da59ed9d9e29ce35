"""The IDs of pages by the slugs of their newest versions."""

from django.core.management.base import BaseCommand

from website.editing import find


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("slug", nargs="+")

    def handle(self, slug, **options):
        for one in slug:
            print(find(one).pk)
