"""Whether PROD, read through django-cms itself, is what the editors prepared on TEST, with PROD's own."""

import re

from cms.models import CMSPlugin, Page, PageContent, PageUrl, Placeholder
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.test import Client
from djangocms_versioning.models import Version

from website.editing import add_link, change_text, find, new_page, new_version, newest, placeholder
from website.editing import published

TREE = """\
home
about
  team
  jobs
  draft
  hardware
    phones
    laptops
products
  software
  notice
  spring
    offers
news
  news-2026
  news-2025
"""


class Command(BaseCommand):
    help = __doc__

    def handle(self, **options):
        self.problems = []
        self.check_tree()
        self.check_versions()
        self.check_plugins()
        self.check_pages()
        self.check_what_is_prods_own()
        self.check_editing_goes_on()
        if self.problems:
            raise CommandError("PROD isn't as prepared:\n  " + "\n  ".join(self.problems))
        print("PROD is as prepared")

    def expect(self, what, found, wanted):
        if found != wanted:
            self.problems.append(f"{what}: {found!r} instead of {wanted!r}")

    def check_tree(self):
        self.expect("problems of the tree", Page.find_problems(), ([], [], [], [], []))
        tree = ""
        for page in Page.objects.order_by("path"):
            tree += f"{'  ' * (page.depth - 1)}{newest(page).content.slug}\n"
            above = page.get_parent()
            self.expect(f"the parent of {page.pk}", page.parent_id, above.pk if above else None)
        self.expect("the tree", tree, TREE)
        connection.check_constraints()

    def check_versions(self):
        """Every version has its content, every content its version and its placeholders."""
        for version in Version.objects.all():
            self.expect(f"content of version {version.pk}", version.content is not None, True)
        for content in PageContent.admin_manager.all():
            found = Version.objects.filter_by_content_grouping_values(content)
            found = [version.pk for version in found if version.content == content]
            self.expect(f"versions of content {content.pk}", len(found), 1)
            slots = sorted(content.get_placeholders().values_list("slot", flat=True))
            wanted = ["content"] if content.template == "wide.html" else ["aside", "content"]
            self.expect(f"placeholders of content {content.pk}", slots, wanted)
        self.expect("placeholders of nothing", [p for p in Placeholder.objects.all() if not p.source], [])
        states = newest_states("home")
        self.expect("versions of home", states, ["unpublished", "unpublished", "published"])
        states = newest_states("team")
        self.expect("versions of team", states, ["unpublished", "unpublished", "published"])
        self.expect("who made them", {version.created_by.username for version in Version.objects.all()}, {"editor"})
        self.expect("the draft", newest(find("draft")).state, "draft")

    def check_plugins(self):
        """Each plugin has its own kind of row; children stand in their parent's placeholder, and are
        the ones that its text names."""
        for plugin in CMSPlugin.objects.all():
            instance, _ = plugin.get_plugin_instance()
            self.expect(f"plugin {plugin.pk} is whole", instance is not None, True)
            if plugin.parent_id:
                parent = plugin.parent
                self.expect(f"where {plugin.pk} stands", plugin.placeholder_id, parent.placeholder_id)
            if plugin.plugin_type == "TextPlugin" and instance:
                named = {int(found) for found in re.findall(r'<cms-plugin[^>]* id="(\d+)"', instance.body)}
                children = set(plugin.get_children().values_list("pk", flat=True))
                self.expect(f"plugins in text {plugin.pk}", named, children)
        for holder in Placeholder.objects.all():
            positions = list(holder.get_plugins("en").values_list("position", flat=True))
            self.expect(f"positions in {holder.pk}", positions, list(range(1, len(positions) + 1)))

    def check_pages(self):
        """Readers find every page, with its text and with links that lead where they should."""
        for url, texts in {
            "": ["Welcome", 'href="/en/about/hardware/phones/"', 'href="/en/products/spring/"', "New:"],
            "about/team/": ["Anita and Berta"],
            "about/jobs/": ["Two open jobs"],
            "about/hardware/": ["Things"],
            "about/hardware/phones/": ["Phones"],
            "about/hardware/laptops/": ["Laptops"],
            "products/software/": ["Programs and games"],
            "products/notice/": ["Closed on Monday", 'href="/en/products/notice/"'],
            "products/spring/": [
                "Spring!",
                'href="/en/about/hardware/phones/"',
                'href="/en/products/spring/offers/"',
            ],
            "products/spring/offers/": ["Cheap"],
            "news/news-2025/": ["In 2025"],
        }.items():
            page = Client().get(f"/en/{url}")
            self.expect(f"the page /en/{url}", page.status_code, 200)
            main = page.content.decode().split("</nav>")[-1]
            for text in texts:
                self.expect(f"{text!r} on /en/{url}", text in main, True)
        for gone in ("legal/", "products/hardware/", "about/draft/"):
            self.expect(f"the page /en/{gone}", Client().get(f"/en/{gone}").status_code, 404)
        paths = PageUrl.objects.exclude(path=None).values_list("path", flat=True)
        self.expect("doubled addresses", len(paths), len(set(paths)))

    def check_what_is_prods_own(self):
        self.expect("a newcomer", User.objects.filter(username="newcomer").count(), 1)
        notice = find("notice")
        self.expect("the notice's ID", notice.pk, 15)
        text = placeholder(newest(notice)).get_plugins("en").filter(plugin_type="TextPlugin").last()
        self.expect("the notice's link", 'data-cms-href="cms.page:15"' in text.get_bound_plugin().body, True)
        self.expect("the new page's ID", find("spring").pk != 15, True)

    def check_editing_goes_on(self):
        """New rows find free IDs and places in the tree. Rolled back."""
        with transaction.atomic():
            spring = find("spring")
            child = new_page("Next", "next", spring, "<p>Next</p>")
            new_version(spring, lambda version: change_text(version, "Spring!", "Summer!"))
            draft = new_version(find("home"), lambda version: add_link(version, "Next", child))
            child.move_page(find("news"), "first-child")
            self.expect("problems after editing", Page.find_problems(), ([], [], [], [], []))
            self.expect("home has it", published(find("home")).pk, draft.content.pk)
            for url in ("news/next/", "products/spring/", ""):
                self.expect(f"/en/{url} goes on", Client().get(f"/en/{url}").status_code, 200)
            transaction.set_rollback(True)


def newest_states(slug):
    contents = PageContent.admin_manager.filter(page=find(slug)).order_by("pk")
    states = {content.pk: Version.objects.get_for_content(content) for content in contents}
    return [version.state for version in sorted(states.values(), key=lambda it: int(it.number))]
