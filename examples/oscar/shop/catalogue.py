"""Making products and categories the way the dashboard of the shop does: through its models."""

from decimal import Decimal

from oscar.core.loading import get_model

Category = get_model("catalogue", "Category")
Option = get_model("catalogue", "Option")
Partner = get_model("partner", "Partner")
Product = get_model("catalogue", "Product")
ProductCategory = get_model("catalogue", "ProductCategory")
ProductClass = get_model("catalogue", "ProductClass")
ProductImage = get_model("catalogue", "ProductImage")
ProductRecommendation = get_model("catalogue", "ProductRecommendation")
StockRecord = get_model("partner", "StockRecord")


def category(code, name, parent=None, **fields):
    node = Category(code=code, name=name, description=f"All about {name.lower()}.", **fields)
    return parent.add_child(instance=node) if parent else Category.add_root(instance=node)


def product(upc, title, class_slug, categories, **more):
    """A standalone product, or the parent of variants with `structure="parent"`."""
    attributes = more.pop("attributes", {})
    item = Product(
        upc=upc,
        title=title,
        product_class=ProductClass.objects.get(slug=class_slug),
        description=f"<p>{title}, described for the shop.</p>",
        **more,
    )
    return _save(item, attributes, categories)


def variant(upc, parent, title="", **attributes):
    item = Product(upc=upc, title=title, parent=parent, structure=Product.CHILD)
    return _save(item, attributes, [])


def _save(item, attributes, categories):
    for code, value in attributes.items():
        setattr(item.attr, code, value)
    # Saving makes the slug, without which the product isn't valid.
    item.save()
    for code in categories:
        ProductCategory.objects.create(product=item, category=Category.objects.get(code=code))
    item.full_clean()
    return item


def stock(item, partner_code, price, amount):
    """`amount` None is a product whose stock isn't tracked."""
    record = StockRecord(
        product=item,
        partner=Partner.objects.get(code=partner_code),
        partner_sku=f"SKU-{item.upc or item.pk}",
        price=Decimal(price),
        num_in_stock=amount,
        low_stock_threshold=None if amount is None else 2,
    )
    record.full_clean()
    record.save()


def images(item, *names):
    """Rows only: the files belong to the gallery."""
    for order, name in enumerate(names):
        ProductImage.objects.create(
            product=item,
            original=f"images/products/{name}.jpg",
            caption=name.replace("-", " "),
            display_order=order,
        )


def recommend(upc, *others):
    for ranking, other in enumerate(others):
        ProductRecommendation.objects.create(
            primary=Product.objects.get(upc=upc),
            recommendation=Product.objects.get(upc=other),
            ranking=ranking,
        )
