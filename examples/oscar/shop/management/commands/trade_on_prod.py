"""Customers on PROD while the editors work: orders, baskets, reviews, wishes. Nothing of it is content."""

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.test import Client
from oscar.core.loading import get_model

from shop.orders import basket, place_order, register, ship

Order = get_model("order", "Order")
Product = get_model("catalogue", "Product")
ProductReview = get_model("reviews", "ProductReview")
WishList = get_model("wishlists", "WishList")


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("when", choices=["before-review", "after-review"])

    @transaction.atomic
    def handle(self, when, **options):
        {"before-review": before_review, "after-review": after_review}[when]()


def before_review():
    register("eve", "Toruń")
    place_order("eve", ("9780000000104", 1), ("TS-100-M", 2))
    # The editors deleted this one on TEST when nobody had ordered it yet.
    place_order("dan", ("9780000000115", 1))
    basket("eve", ("9780000000101", 4))
    review("anna", "9780000000106", 4)
    wishes = WishList.objects.create(owner=User.objects.get(username="ben"), name="Wishes")
    wishes.add(Product.objects.get(upc="9780000000111"))
    view("cleo", "9780000000101")


def after_review():
    """Between the approval and the run: what was approved must still hold."""
    for order in Order.objects.filter(status="Pending"):
        ship(order)
    place_order("anna", ("9780000000101", 1), ("9780000000111", 1))
    place_order("ben", ("TS-300-M", 1), ("9780000000107", 2, {"gift-message": "Again"}))
    review("ben", "9780000000104", 5)
    view("anna", "9780000000104")


def review(name, upc, score):
    ProductReview.objects.create(
        product=Product.objects.get(upc=upc),
        user=User.objects.get(username=name),
        score=score,
        title="Read it",
        body="In one night.",
        status=ProductReview.APPROVED,
    )


def view(name, upc):
    """Looks at the product's page, which leaves a session and counts the visit."""
    client = Client()
    client.force_login(User.objects.get(username=name))
    page = client.get(Product.objects.get(upc=upc).get_absolute_url())
    if page.status_code != 200:
        raise CommandError(f"the page of {upc} answers {page.status_code}")
