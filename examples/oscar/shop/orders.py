"""Customers: they register, fill baskets and place orders through the shop's own checkout code."""

from django.contrib.auth.models import User
from oscar.core.loading import get_class, get_model

Basket = get_model("basket", "Basket")
Country = get_model("address", "Country")
Option = get_model("catalogue", "Option")
Product = get_model("catalogue", "Product")
ShippingAddress = get_model("order", "ShippingAddress")
UserAddress = get_model("address", "UserAddress")

Free = get_class("shipping.methods", "Free")
OrderCreator = get_class("order.utils", "OrderCreator")
OrderTotalCalculator = get_class("checkout.calculators", "OrderTotalCalculator")
Selector = get_class("partner.strategy", "Selector")


def register(name, city):
    email = f"{name}@customers.example"
    user = User.objects.create_user(name, email, f"{name}-password", first_name=name.title())
    UserAddress.objects.create(
        user=user,
        first_name=name.title(),
        last_name="Customer",
        line1="1 High Street",
        line4=city,
        postcode="00-001",
        country=Country.objects.get(iso_3166_1_a2="PL"),
    )
    return user


def basket(name, *lines):
    """An open basket of (upc, quantity) or (upc, quantity, {option code: value})."""
    owner = User.objects.get(username=name)
    opened = Basket.objects.create(owner=owner)
    opened.strategy = Selector().strategy(user=owner)
    for upc, quantity, *options in lines:
        chosen = [
            {"option": Option.objects.get(code=code), "value": value}
            for code, value in (options[0] if options else {}).items()
        ]
        opened.add_product(Product.objects.get(upc=upc), quantity, chosen)
    return opened


def place_order(name, *lines):
    """Checks a basket out, which allocates stock."""
    bought = basket(name, *lines)
    address = ShippingAddress()
    UserAddress.objects.filter(user=bought.owner).first().populate_alternative_model(address)
    address.save()
    method = Free()
    charge = method.calculate(bought)
    order = OrderCreator().place_order(
        basket=bought,
        total=OrderTotalCalculator().calculate(bought, charge),
        shipping_method=method,
        shipping_charge=charge,
        user=bought.owner,
        shipping_address=address,
    )
    bought.submit()
    return order


def ship(order):
    """Sends an order out, which takes its lines from the stock."""
    order.set_status("Being processed")
    order.set_status("Processed")
    for line in order.lines.all():
        if line.stockrecord.can_track_allocations:
            line.stockrecord.consume_allocation(line.quantity)
