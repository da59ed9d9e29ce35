"""Fills an empty PROD through django-cms's API: a tree of pages, texts with links inside, a user."""

from django.contrib.auth.models import User
from django.contrib.sites.models import Site
from django.core.management.base import BaseCommand
from django.db import transaction

from website.editing import add_link, add_text_with_link, editor, new_page, new_version
from website.editing import change_text, newest


class Command(BaseCommand):
    help = __doc__

    @transaction.atomic
    def handle(self, **options):
        Site.objects.update_or_create(pk=1, defaults={"domain": "site.example", "name": "Site"})
        User.objects.create_user("reader", "reader@users.example")
        editor()
        home = new_page("Home", "home", text="<p>Welcome</p>")
        home.set_as_homepage(editor())
        about = new_page("About us", "about", text="<p>Who we are</p>")
        team = new_page("Team", "team", about, "<p>Anna and Ben</p>")
        new_page("Jobs", "jobs", about, "<p>No open jobs</p>")
        products = new_page("Products", "products", text="<p>All products</p>")
        hardware = new_page("Hardware", "hardware", products, "<p>Things</p>")
        phones = new_page("Phones", "phones", hardware, "<p>Phones</p>")
        new_page("Laptops", "laptops", hardware, "<p>Laptops</p>", template="wide.html")
        new_page("Software", "software", products, "<p>Programs</p>")
        news = new_page("News", "news", text="<p>What is new</p>")
        for year in ("2025", "2026"):
            new_page(f"News of {year}", f"news-{year}", news, f"<p>In {year}</p>")
        new_page("Legal", "legal", text="<p>Imprint</p>")
        new_page("Draft", "draft", about, "<p>Not yet</p>", publish=False)

        def link_to_phones(version):
            add_text_with_link(version, "<p>See</p>", "our phones", phones, "<p>.</p>")
            add_link(version, "The team", team, slot="aside")

        new_version(home, link_to_phones)
        new_version(team, lambda version: change_text(version, "Ben", "Berta"))
        assert newest(team).number == "2"
