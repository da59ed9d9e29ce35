#!/usr/bin/env python
"""Django's command line for the example shop; its database is named by SHOP_DATABASE."""

import os
import sys
import warnings

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    # The simple search backend says on every save that it has no index to keep.
    warnings.filterwarnings("ignore", module="haystack")
    execute_from_command_line(sys.argv)
