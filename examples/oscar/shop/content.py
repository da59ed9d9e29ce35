"""Which tables of the shop the manifests promote, and what in them belongs to each environment.

Written by hand rather than read from the manifests: it is what they are checked against.
"""

CONTENT = {
    "catalogue_attributeoption",
    "catalogue_attributeoptiongroup",
    "catalogue_category",
    "catalogue_option",
    "catalogue_product",
    "catalogue_product_product_options",
    "catalogue_productattribute",
    "catalogue_productattributevalue",
    "catalogue_productattributevalue_value_multi_option",
    "catalogue_productcategory",
    "catalogue_productclass",
    "catalogue_productclass_options",
    "catalogue_productimage",
    "catalogue_productrecommendation",
    "django_flatpage",
    "django_flatpage_sites",
    "partner_partner",
    "partner_stockrecord",
}

# Content tables also hold columns that trade changes.
OF_THE_ENVIRONMENT = {
    "catalogue_product": {"rating"},
    "partner_stockrecord": {"num_in_stock", "num_allocated"},
}

# The time of the last save says nothing about what was saved.
TIMES = {
    "catalogue_product": {"date_updated"},
    "partner_stockrecord": {"date_updated"},
}

# The ledger of the reconciler.
LEDGER = "reconcile_"
