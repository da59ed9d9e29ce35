"""The IDs of products by their numbers."""

from django.core.management.base import BaseCommand
from oscar.core.loading import get_model


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("upc", nargs="+")

    def handle(self, upc, **options):
        products = get_model("catalogue", "Product").objects
        for one in upc:
            print(products.get(upc=one).pk)
