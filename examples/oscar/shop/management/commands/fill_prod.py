"""Fills an empty PROD through the ORM: a catalogue, pages, customers and their first orders."""

from django.contrib.auth.models import User
from django.contrib.flatpages.models import FlatPage
from django.contrib.sites.models import Site
from django.core.management.base import BaseCommand
from django.db import transaction
from oscar.core.loading import get_model

from shop.catalogue import category, images, product, recommend, stock, variant
from shop.orders import basket, place_order, register, ship

AttributeOptionGroup = get_model("catalogue", "AttributeOptionGroup")
Country = get_model("address", "Country")
Option = get_model("catalogue", "Option")
Partner = get_model("partner", "Partner")
ProductClass = get_model("catalogue", "ProductClass")

BOOKS = [
    # upc, title, category, author, pages, language, price, in stock
    ("9780000000101", "The Locked Library", "books-crime", "A. Marsh", 312, "English", "8.99", 20),
    ("9780000000102", "Death at Low Tide", "books-crime", "A. Marsh", 288, "English", "8.99", 15),
    ("9780000000103", "Der stille Zeuge", "books-crime", "K. Vogel", 401, "German", "11.50", 7),
    ("9780000000104", "The Glass Dragon", "books-fantasy", "T. Arden", 640, "English", "12.99", 30),
    (
        "9780000000105",
        "Song of the Salt King",
        "books-fantasy",
        "T. Arden",
        702,
        "English",
        "13.99",
        12,
    ),
    (
        "9780000000106",
        "The Ninth Gate Keeper",
        "books-fantasy",
        "O. Reed",
        455,
        "English",
        "9.99",
        9,
    ),
    ("9780000000107", "Bread Every Day", "books-cookery", "M. Brook", 220, "English", "18.00", 25),
    (
        "9780000000108",
        "Soups of the North",
        "books-cookery",
        "I. Lund",
        190,
        "English",
        "16.50",
        11,
    ),
    ("9780000000109", "One Pan", "books-cookery", "M. Brook", 160, "English", "14.00", 40),
    ("9780000000110", "Slow Trains", "books-travel", "P. Hale", 340, "English", "10.99", 14),
    ("9780000000111", "Alpenwege", "books-travel", "K. Vogel", 275, "German", "19.90", 6),
    ("9780000000112", "Islands of the West", "books-travel", "P. Hale", 298, "English", "12.50", 8),
    ("9780000000113", "Out of Print", "books-travel", "P. Hale", 120, "English", "5.00", 3),
    ("9780000000114", "Last Year's Guide", "books-travel", "I. Lund", 210, "English", "4.00", 5),
    ("9780000000115", "Calendar of Maps", "books-travel", "O. Reed", 24, "English", "6.00", 4),
]
SHIRTS = [
    ("TS-100", "Plain T-shirt", ["clothing-men-shirts", "sale"], "15.00"),
    ("TS-200", "Striped T-shirt", ["clothing-men-shirts"], "18.00"),
    ("TS-300", "Linen shirt", ["clothing-women-shirts"], "32.00"),
]


class Command(BaseCommand):
    help = __doc__

    @transaction.atomic
    def handle(self, **options):
        Site.objects.update_or_create(pk=1, defaults={"domain": "shop.example", "name": "Shop"})
        Country.objects.create(
            iso_3166_1_a2="PL",
            iso_3166_1_a3="POL",
            iso_3166_1_numeric="616",
            printable_name="Poland",
            name="Poland",
            is_shipping_country=True,
        )
        fill_product_types()
        fill_categories()
        Partner.objects.create(code="warehouse", name="Main warehouse")
        Partner.objects.create(code="ebooks", name="E-book supplier")
        fill_products()
        fill_pages()
        fill_customers()


def fill_product_types():
    groups = {}
    for code, name, choices in [
        ("language", "Language", ["English", "German", "French"]),
        ("size", "Size", ["S", "M", "L"]),
        ("engraving-style", "Engraving style", ["Serif", "Script"]),
    ]:
        groups[code] = AttributeOptionGroup.objects.create(code=code, name=name)
        for choice in choices:
            groups[code].options.create(option=choice)

    gift = Option.objects.create(name="Gift message", code="gift-message", type=Option.TEXT)
    Option.objects.create(
        name="Engraving",
        code="engraving",
        type=Option.SELECT,
        option_group=groups["engraving-style"],
    )

    book = ProductClass.objects.create(name="Book", slug="book")
    book.attributes.create(code="author", name="Author", type="text", required=True)
    book.attributes.create(code="pages", name="Pages", type="integer")
    book.attributes.create(
        code="language", name="Language", type="option", option_group=groups["language"]
    )
    book.options.add(gift)
    shirt = ProductClass.objects.create(name="Shirt", slug="shirt")
    shirt.attributes.create(
        code="size", name="Size", type="option", option_group=groups["size"], required=True
    )
    shirt.attributes.create(code="organic", name="Organic cotton", type="boolean")
    download = ProductClass.objects.create(
        name="Download", slug="download", requires_shipping=False, track_stock=False
    )
    download.attributes.create(code="megabytes", name="Size in MB", type="float")


def fill_categories():
    books = category("books", "Books")
    fiction = category("books-fiction", "Fiction", books)
    category("books-crime", "Crime", fiction)
    category("books-fantasy", "Fantasy", fiction)
    nonfiction = category("books-nonfiction", "Non-fiction", books)
    category("books-cookery", "Cookery", nonfiction)
    category("books-travel", "Travel", nonfiction)
    clothing = category("clothing", "Clothing")
    men = category("clothing-men", "Men", clothing)
    category("clothing-men-shirts", "Shirts", men)
    women = category("clothing-women", "Women", clothing)
    category("clothing-women-shirts", "Shirts", women)
    category("clothing-kids", "Kids", clothing)
    gifts = category("gifts", "Gifts")
    category("gifts-wrapping", "Wrapping", gifts)
    category("downloads", "Downloads")
    category("sale", "Sale")


def fill_products():
    languages = AttributeOptionGroup.objects.get(code="language").options
    for upc, title, where, author, pages, language, price, amount in BOOKS:
        chosen = languages.get(option=language)
        item = product(
            upc,
            title,
            "book",
            [where],
            attributes={"author": author, "pages": pages, "language": chosen},
        )
        stock(item, "warehouse", price, amount)
        images(item, f"{upc}-front", f"{upc}-back")

    sizes = AttributeOptionGroup.objects.get(code="size").options
    for upc, title, where, price in SHIRTS:
        parent = product(upc, title, "shirt", where, structure="parent")
        images(parent, upc.lower())
        for size in ["S", "M", "L"]:
            child = variant(
                f"{upc}-{size}", parent, size=sizes.get(option=size), organic=size != "L"
            )
            stock(child, "warehouse", price, 10)

    for number in (1, 2):
        item = product(
            f"DL-{number}",
            f"Audio guide {number}",
            "download",
            ["downloads"],
            attributes={"megabytes": 80.1 + number},
        )
        stock(item, "ebooks", "3.49", None)
    # Something the shop never gave a number.
    wrapping = product(None, "Gift wrapping", "download", ["gifts-wrapping"])
    stock(wrapping, "warehouse", "1.50", None)
    wrapping.product_options.add(Option.objects.get(code="engraving"))

    recommend("9780000000101", "9780000000102", "9780000000103")
    recommend("9780000000104", "9780000000105", "9780000000113")


def fill_pages():
    site = Site.objects.get(pk=1)
    for url, title in [
        ("/about/", "About us"),
        ("/delivery/", "Delivery"),
        ("/closing/", "Closing"),
    ]:
        page = FlatPage(url=url, title=title, content=f"<h1>{title}</h1>\n<p>Old text.</p>")
        page.full_clean()
        page.save()
        page.sites.add(site)


def fill_customers():
    User.objects.create_superuser("editor", "editor@shop.example", "editor-password")
    for name, city in [
        ("anna", "Warszawa"),
        ("ben", "Gdynia"),
        ("cleo", "Lublin"),
        ("dan", "Opole"),
    ]:
        register(name, city)
    Partner.objects.get(code="warehouse").users.add(User.objects.get(username="editor"))

    ship(place_order("anna", ("9780000000101", 2), ("TS-100-M", 1)))
    ship(place_order("ben", ("9780000000114", 1), ("DL-1", 1)))
    place_order("cleo", ("9780000000107", 1, {"gift-message": "Bon appétit"}), ("TS-300-S", 2))
    basket("dan", ("9780000000104", 1))
