"""What the editors prepare on TEST."""

from django.core.management.base import BaseCommand
from django.db import transaction

from website.editing import (
    add_link,
    add_text_with_link,
    change_text,
    editor,
    find,
    new_page,
    new_version,
    newest,
)


class Command(BaseCommand):
    help = __doc__

    @transaction.atomic
    def handle(self, **options):
        # A page with a page below, which link to each other and to old pages.
        spring = new_page("Spring", "spring", find("products"), "<p>Spring!</p>", publish=False)
        offers = new_page("Offers", "offers", spring, "<p>Cheap</p>")
        version = newest(spring)
        add_text_with_link(version, "<p>First</p>", "phones", find("phones"), "<p>last</p>")
        add_link(version, "Offers", offers, slot="aside")
        version.publish(editor())
        new_version(
            find("home"),
            lambda version: add_text_with_link(version, "<p>New:</p>", "spring", spring, ""),
        )
        # A text in a new version, another one in the version that stands.
        new_version(find("team"), lambda version: change_text(version, "Anna", "Anita"))
        change_text(newest(find("software")), "Programs", "Programs and games")
        # A subtree moves, with all below it; another one trades places with its neighbour.
        find("hardware").move_page(find("about"), "last-child")
        find("news-2026").move_page(find("news-2025"), "left")
        legal = find("legal")
        newest(legal).unpublish(editor())
        legal.delete()
