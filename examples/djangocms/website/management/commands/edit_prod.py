"""What happens on PROD meanwhile and must survive."""

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from django.db import transaction

from website.editing import add_text_with_link, change_text, editor, find, new_page, new_version
from website.editing import newest


class Command(BaseCommand):
    help = __doc__

    @transaction.atomic
    def handle(self, **options):
        User.objects.create_user("newcomer", "newcomer@users.example")
        # It takes the IDs, and the place in the tree, that TEST gave to other pages, and so do its
        # version, placeholders and plugins.
        notice = new_page("Notice", "notice", find("products"), "<p>Closed on Monday</p>")

        def link_to_itself(version):
            add_text_with_link(version, "<p>Again:</p>", "notice", notice, "")

        new_version(notice, link_to_itself)
        new_version(find("jobs"), lambda version: change_text(version, "No open", "Two open"))
        assert newest(notice).created_by == editor()
