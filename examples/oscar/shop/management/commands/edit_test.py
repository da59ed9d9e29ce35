"""What the editors prepare on TEST, and what happens on a test shop besides that nobody wants on PROD."""

from datetime import date, datetime, timezone
from decimal import Decimal

from django.contrib.flatpages.models import FlatPage
from django.contrib.sites.models import Site
from django.core.management.base import BaseCommand
from django.db import transaction
from oscar.core.loading import get_model

from shop.catalogue import category, images, product, recommend, stock, variant
from shop.orders import place_order, register

AttributeOptionGroup = get_model("catalogue", "AttributeOptionGroup")
Category = get_model("catalogue", "Category")
Option = get_model("catalogue", "Option")
Partner = get_model("partner", "Partner")
Product = get_model("catalogue", "Product")
ProductCategory = get_model("catalogue", "ProductCategory")
ProductClass = get_model("catalogue", "ProductClass")
StockRecord = get_model("partner", "StockRecord")


class Command(BaseCommand):
    help = __doc__

    @transaction.atomic
    def handle(self, **options):
        be_a_test_shop()
        add_product_types()
        change_product_types()
        move_categories()
        add_products()
        change_products()
        delete_products()
        change_pages()


def be_a_test_shop():
    """Differences that belong to the environment: its address, its stock, its own customers."""
    Site.objects.filter(pk=1).update(domain="test.shop.example")
    StockRecord.objects.filter(num_in_stock__isnull=False).update(num_in_stock=1000)
    register("tester", "Radom")
    place_order("tester", ("9780000000102", 3), ("TS-200-S", 1))


def add_product_types():
    roast = AttributeOptionGroup.objects.create(code="roast", name="Roast")
    for choice in ["Light", "Medium", "Dark"]:
        roast.options.create(option=choice)
    flavour = AttributeOptionGroup.objects.create(code="flavour", name="Flavour")
    for choice in ["Chocolate", "Citrus", "Nuts", "Floral"]:
        flavour.options.create(option=choice)
    grinds = AttributeOptionGroup.objects.create(code="grind", name="Grind")
    for choice in ["Whole beans", "Filter", "Espresso"]:
        grinds.options.create(option=choice)
    grind = Option.objects.create(
        name="Grind", code="grind", type=Option.SELECT, option_group=grinds, required=True
    )

    coffee = ProductClass.objects.create(name="Coffee", slug="coffee")
    for code, kind, more in [
        ("roast", "option", {"option_group": roast, "required": True}),
        ("flavours", "multi_option", {"option_group": flavour}),
        ("origin", "text", {"required": True}),
        ("grams", "integer", {}),
        ("acidity", "float", {}),
        ("organic", "boolean", {}),
        ("notes", "richtext", {}),
        ("harvested", "date", {}),
        ("roasted_at", "datetime", {}),
    ]:
        coffee.attributes.create(code=code, name=code.replace("_", " "), type=kind, **more)
    coffee.options.add(grind, Option.objects.get(code="gift-message"))

    Partner.objects.create(code="roastery", name="The roastery")


def change_product_types():
    book = ProductClass.objects.get(slug="book")
    book.attributes.create(code="edition", name="Edition", type="text")
    book.attributes.filter(code="pages").update(name="Number of pages")
    AttributeOptionGroup.objects.get(code="language").options.create(option="Polish")
    Option.objects.filter(code="gift-message").update(help_text="Up to 200 letters")


def move_categories():
    def node(code):
        return Category.objects.get(code=code)

    coffee = category("coffee", "Coffee")
    category("coffee-single", "Single origin", coffee)
    category("coffee-blends", "Blends", node("coffee"))
    # To another parent as its first child, which shifts the child that was there; then neighbours
    # trade places, with everything below them, so that each path is taken until the other one moves.
    node("books-cookery").move(node("gifts"), "first-child")
    node("books-nonfiction").move(node("books-fiction"), "left")
    node("gifts").move(node("clothing"), "left")
    node("coffee").move(node("sale"), "left")
    # Closes the gaps, by which a new category takes the path of one that PROD still has.
    node("downloads").delete()
    Category.fix_tree(fix_paths=True)

    travel = node("books-travel")
    travel.name, travel.slug, travel.description = (
        "Travel and maps",
        "travel-and-maps",
        "Go places.",
    )
    travel.save()
    # Hides the subtree: `ancestors_are_public` changes below.
    men = node("clothing-men")
    men.is_public = False
    men.save()


def add_products():
    roast = AttributeOptionGroup.objects.get(code="roast").options
    flavour = AttributeOptionGroup.objects.get(code="flavour").options
    for upc, title, where, darkness, flavours, price in [
        ("CF-1", "Sidamo", "coffee-single", "Light", ["Citrus", "Floral"], "9.80"),
        ("CF-2", "Huila", "coffee-single", "Medium", ["Chocolate"], "9.20"),
        ("CF-3", "House blend", "coffee-blends", "Dark", ["Chocolate", "Nuts"], "7.50"),
    ]:
        item = product(
            upc,
            title,
            "coffee",
            [where],
            attributes={
                "roast": roast.get(option=darkness),
                "flavours": flavour.filter(option__in=flavours),
                "origin": title,
                "grams": 250,
                "acidity": 4.85,
                "organic": upc != "CF-3",
                "notes": f"<p>{title}: “bright” &amp; clean, 5 > 4, żółć ☕</p>",
                "harvested": date(2025, 11, 2),
                "roasted_at": datetime(2026, 1, 15, 6, 30, 0, 123456, tzinfo=timezone.utc),
            },
        )
        stock(item, "roastery", price, 60)
        images(item, f"{upc.lower()}-bag", f"{upc.lower()}-cup")
    # Recommendations in a cycle, and to products on both sides.
    recommend("CF-1", "CF-2", "9780000000107")
    recommend("CF-2", "CF-1")
    recommend("9780000000107", "CF-3")

    parent = product(
        "CF-S", "Coffee subscription", "coffee", ["coffee", "gifts"], structure="parent"
    )
    for months in (3, 12):
        child = variant(
            f"CF-S-{months}",
            parent,
            f"{months} months",
            roast=roast.get(option="Medium"),
            origin="changing",
        )
        stock(child, "roastery", f"{months * 8}.00", None)
    # A variant more of an old product, of a size that is new as well.
    size = AttributeOptionGroup.objects.get(code="size").options.create(option="XL")
    child = variant("TS-100-XL", Product.objects.get(upc="TS-100"), size=size)
    stock(child, "warehouse", "17.00", 25)


def change_products():
    for upc, price in [
        ("9780000000101", "7.99"),
        ("9780000000111", "17.90"),
        ("TS-100-M", "13.00"),
    ]:
        record = StockRecord.objects.get(product__upc=upc)
        record.price = Decimal(price)
        record.save()

    book = Product.objects.get(upc="9780000000104")
    book.title = "The Glass Dragon, new edition"
    book.description += "\n<p>With a map.</p>"
    book.attr.pages = 652
    book.attr.edition = "2nd"
    book.attr.language = AttributeOptionGroup.objects.get(code="language").options.get(
        option="Polish"
    )
    book.full_clean()
    book.save()
    # The pictures trade places and one is replaced.
    front, back = book.images.order_by("display_order")
    front.delete()
    back.display_order = 1
    back.save()
    book.images.create(
        original="images/products/dragon-map.jpg", caption="the map", display_order=0
    )

    shirt = Product.objects.get(upc="TS-300")
    ProductCategory.objects.filter(product=shirt).delete()
    shirt.categories.add(Category.objects.get(code="sale"))
    # Without a number: known by its ID.
    wrapping = Product.objects.get(title="Gift wrapping")
    wrapping.title = "Gift wrapping, engraved"
    wrapping.product_options.add(Option.objects.get(code="gift-message"))
    wrapping.save()
    # They lost their category with it.
    for upc in ("DL-1", "DL-2"):
        Product.objects.get(upc=upc).categories.add(Category.objects.get(code="gifts"))


def delete_products():
    # Nobody ever ordered the first; an order on PROD names the second; the third is ordered there now.
    for upc in ("9780000000113", "9780000000114", "9780000000115"):
        Product.objects.get(upc=upc).delete()


def change_pages():
    about = FlatPage.objects.get(url="/about/")
    about.content = "<h1>About us</h1>\n<p>New text, and coffee.</p>"
    about.save()
    page = FlatPage(url="/coffee/", title="Coffee", content="<h1>Coffee</h1>", template_name="")
    page.full_clean()
    page.save()
    page.sites.add(Site.objects.get(pk=1))
    FlatPage.objects.get(url="/closing/").delete()
