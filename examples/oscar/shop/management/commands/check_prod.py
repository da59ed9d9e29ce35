"""Whether PROD, read through the shop's own models, is what the editors prepared on TEST."""

from datetime import date
from decimal import Decimal

from django.contrib.flatpages.models import FlatPage
from django.contrib.sites.models import Site
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.test import Client
from oscar.core.loading import get_model

from shop.catalogue import category, images, product, recommend, stock
from shop.orders import place_order

AttributeOptionGroup = get_model("catalogue", "AttributeOptionGroup")
Category = get_model("catalogue", "Category")
Option = get_model("catalogue", "Option")
Order = get_model("order", "Order")
Partner = get_model("partner", "Partner")
Product = get_model("catalogue", "Product")
ProductAttribute = get_model("catalogue", "ProductAttribute")
ProductClass = get_model("catalogue", "ProductClass")
StockRecord = get_model("partner", "StockRecord")

TREE = """\
books
  books-nonfiction
    books-travel
  books-fiction
    books-crime
    books-fantasy
gifts
  books-cookery
  gifts-wrapping
clothing
  clothing-men
    clothing-men-shirts
  clothing-women
    clothing-women-shirts
  clothing-kids
coffee
  coffee-single
  coffee-blends
sale
"""


class Command(BaseCommand):
    help = __doc__

    def handle(self, **options):
        self.problems = []
        self.check_product_types()
        self.check_categories()
        self.check_new_products()
        self.check_changed_products()
        self.check_deleted_products()
        self.check_pages()
        self.check_models()
        self.check_shop_works()
        if self.problems:
            raise CommandError("PROD isn't as prepared:\n  " + "\n  ".join(self.problems))
        print("PROD is as prepared")

    def expect(self, what, found, wanted):
        if found != wanted:
            self.problems.append(f"{what}: {found!r} instead of {wanted!r}")

    def check_product_types(self):
        coffee = ProductClass.objects.get(slug="coffee")
        self.expect(
            "attributes of coffee",
            {
                code: group
                for code, group in coffee.attributes.values_list("code", "option_group__code")
            },
            dict.fromkeys(
                ["origin", "grams", "acidity", "organic", "notes", "harvested", "roasted_at"], ""
            )
            | {"roast": "roast", "flavours": "flavour"},
        )
        self.expect("options of coffee", codes(coffee.options), {"grind", "gift-message"})
        group = Option.objects.get(code="grind").option_group
        self.expect(
            "grinds",
            set(group.options.values_list("option", flat=True)),
            {"Whole beans", "Filter", "Espresso"},
        )
        book = ProductClass.objects.get(slug="book")
        self.expect(
            "attributes of books",
            dict(book.attributes.values_list("code", "name")),
            {
                "author": "Author",
                "pages": "Number of pages",
                "language": "Language",
                "edition": "Edition",
            },
        )
        self.expect(
            "help of the gift message",
            Option.objects.get(code="gift-message").help_text,
            "Up to 200 letters",
        )
        self.expect("suppliers", codes(Partner.objects), {"warehouse", "ebooks", "roastery"})

    def check_categories(self):
        self.expect("problems of the tree", Category.find_problems(), ([], [], [], [], []))
        nodes = Category.get_tree()
        tree = "".join(f"{'  ' * (node.depth - 1)}{node.code}\n" for node in nodes)
        self.expect("the tree", tree, TREE)
        travel = Category.objects.get(code="books-travel")
        self.expect(
            "the travel category",
            (travel.name, travel.full_slug),
            ("Travel and maps", "books/non-fiction/travel-and-maps"),
        )
        hidden = Category.objects.exclude(is_public=True, ancestors_are_public=True)
        self.expect("hidden categories", codes(hidden), {"clothing-men", "clothing-men-shirts"})

    def check_new_products(self):
        sidamo = Product.objects.get(upc="CF-1")
        self.expect("class of CF-1", sidamo.product_class.slug, "coffee")
        self.expect("roast of CF-1", sidamo.attr.roast.option, "Light")
        self.expect(
            "flavours of CF-1", {one.option for one in sidamo.attr.flavours}, {"Citrus", "Floral"}
        )
        self.expect("acidity of CF-1", sidamo.attr.acidity, 4.85)
        self.expect("harvest of CF-1", sidamo.attr.harvested, date(2025, 11, 2))
        self.expect(
            "roasting of CF-1",
            sidamo.attr.roasted_at.isoformat(),
            "2026-01-15T06:30:00.123456+00:00",
        )
        self.expect("organic CF-1", sidamo.attr.organic, True)
        self.expect(
            "notes of CF-1",
            sidamo.attr.notes,
            "<p>Sidamo: “bright” &amp; clean, 5 > 4, żółć ☕</p>",
        )
        self.expect("categories of CF-1", codes(sidamo.categories), {"coffee-single"})
        record = sidamo.stockrecords.get()
        self.expect(
            "stock of CF-1",
            (record.partner.code, record.price, record.num_in_stock, record.num_allocated),
            ("roastery", Decimal("9.80"), 60, None),
        )
        self.expect("pictures of CF-1", pictures(sidamo), ["cf-1-bag", "cf-1-cup"])
        for upc, wanted in {
            "CF-1": ["CF-2", "9780000000107"],
            "CF-2": ["CF-1"],
            "9780000000107": ["CF-3"],
            "9780000000104": ["9780000000105"],
        }.items():
            rows = Product.objects.get(upc=upc).primary_recommendations.order_by("ranking")
            found = [row.recommendation.upc for row in rows]
            self.expect(f"recommendations of {upc}", found, wanted)
        children = Product.objects.get(upc="CF-S").children
        self.expect("subscriptions", upcs(children), {"CF-S-3", "CF-S-12"})
        shirt = Product.objects.get(upc="TS-100-XL")
        self.expect(
            "the larger shirt", (shirt.parent.upc, shirt.attr.size.option), ("TS-100", "XL")
        )

    def check_changed_products(self):
        for upc, price in [
            ("9780000000101", "7.99"),
            ("9780000000111", "17.90"),
            ("TS-100-M", "13.00"),
            ("TS-100-S", "15.00"),
        ]:
            found = StockRecord.objects.get(product__upc=upc).price
            self.expect(f"price of {upc}", found, Decimal(price))
        book = Product.objects.get(upc="9780000000104")
        self.expect("the book's title", book.title, "The Glass Dragon, new edition")
        self.expect("its description", book.description.endswith("<p>With a map.</p>"), True)
        self.expect(
            "its attributes",
            (book.attr.pages, book.attr.edition, book.attr.language.option, book.attr.author),
            (652, "2nd", "Polish", "T. Arden"),
        )
        self.expect("its pictures", pictures(book), ["dragon-map", "9780000000104-back"])
        self.expect("its rating, which came from PROD", book.rating, 5.0)
        self.expect("a rating on PROD", Product.objects.get(upc="9780000000106").rating, 4.0)
        shirt = Product.objects.get(upc="TS-300")
        self.expect("categories of TS-300", codes(shirt.categories), {"sale"})
        wrapping = Product.objects.get(upc=None, structure="standalone")
        self.expect("the wrapping", wrapping.title, "Gift wrapping, engraved")
        self.expect("its options", codes(wrapping.product_options), {"engraving", "gift-message"})
        audio = Product.objects.get(upc="DL-1")
        self.expect("categories of DL-1", codes(audio.categories), {"gifts"})

    def check_deleted_products(self):
        old = ["9780000000113", "9780000000114", "9780000000115"]
        self.expect(
            "what is left of the deleted products: those with orders",
            upcs(Product.objects.filter(upc__in=old)),
            {"9780000000114", "9780000000115"},
        )
        for upc in old[1:]:
            item = Product.objects.get(upc=upc)
            self.expect(f"orders of {upc}", Order.objects.filter(lines__product=item).count(), 1)
            self.expect(f"stock of {upc}", item.stockrecords.count(), 1)
            self.expect(f"author of {upc}", item.attr.author != "", True)

    def check_pages(self):
        pages = {page.url: page for page in FlatPage.objects.all()}
        self.expect("pages", set(pages), {"/about/", "/delivery/", "/coffee/"})
        self.expect("the new text", "New text, and coffee." in pages["/about/"].content, True)
        for page in pages.values():
            self.expect(
                f"sites of {page.url}", [site.domain for site in page.sites.all()], ["shop.example"]
            )
        self.expect("the site", Site.objects.get().domain, "shop.example")

    def check_models(self):
        """Every row of content passes the validation that the dashboard does on saving."""
        for model in [
            AttributeOptionGroup,
            Option,
            ProductClass,
            ProductAttribute,
            Category,
            Product,
            Partner,
            StockRecord,
            FlatPage,
        ]:
            for row in model.objects.all():
                try:
                    row.full_clean()
                except ValidationError as error:
                    self.problems.append(f"{model.__name__} {row.pk}: {error}")
        connection.check_constraints()

    def check_shop_works(self):
        """Pages answer, and editors and customers can go on: new rows find free IDs. Rolled back."""
        with transaction.atomic():
            for item in [*Product.objects.all(), *Category.objects.browsable()]:
                page = Client().get(item.get_absolute_url(), follow=True)
                self.expect(f"the page {item.get_absolute_url()}", page.status_code, 200)
            node = category("next", "Next", Category.objects.get(code="coffee"))
            group = AttributeOptionGroup.objects.create(code="next", name="Next")
            roast = AttributeOptionGroup.objects.get(code="roast").options.create(option="Next")
            kind = ProductClass.objects.create(name="Next", slug="next")
            kind.attributes.create(code="next", name="Next", option_group=group, type="option")
            kind.options.add(Option.objects.create(code="next", name="Next"))
            Partner.objects.create(code="next", name="Next")
            item = product(
                "NEXT", "Next", "coffee", [node.code], attributes={"roast": roast, "origin": "here"}
            )
            item.attr.flavours = AttributeOptionGroup.objects.get(code="flavour").options.all()
            item.attr.save()
            item.product_options.add(Option.objects.get(code="grind"))
            stock(item, "next", "1.00", 5)
            images(item, "next")
            recommend("NEXT", "CF-1")
            page = FlatPage.objects.create(url="/next/", title="Next")
            page.sites.add(Site.objects.get())
            place_order("anna", ("NEXT", 1, {"grind": "Filter"}), ("CF-1", 2), ("CF-S-3", 1))
            transaction.set_rollback(True)


def codes(rows):
    return set(rows.values_list("code", flat=True))


def upcs(rows):
    return set(rows.values_list("upc", flat=True))


def pictures(item):
    names = item.images.order_by("display_order").values_list("original", flat=True)
    return [name.removeprefix("images/products/").removesuffix(".jpg") for name in names]
