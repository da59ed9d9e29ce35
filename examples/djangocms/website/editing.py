"""What editors do, through django-cms's own API: pages, their versions and plugins."""

from cms.api import add_plugin, create_page
from cms.models import Page, PageContent
from django.contrib.auth.models import User
from djangocms_versioning.models import Version


def editor(name="editor"):
    user, _ = User.objects.get_or_create(
        username=name, defaults={"is_staff": True, "is_superuser": True}
    )
    return user


def find(slug):
    """A page by the slug of its newest version."""
    contents = PageContent.admin_manager.filter(slug=slug).order_by("-pk")
    return Page.objects.get(pk=contents[0].page_id)


def newest(page, language="en"):
    """The version that editors see, published or not."""
    contents = PageContent.admin_manager.filter(page=page, language=language).order_by("-pk")
    return Version.objects.get_for_content(contents[0])


def published(page, language="en"):
    return PageContent.objects.filter(page=page, language=language).first()


def new_page(title, slug, parent=None, text=None, template="page.html", publish=True):
    """A page with one text, published unless said otherwise."""
    if parent is not None:
        parent.refresh_from_db()
    page = create_page(
        title,
        template,
        "en",
        slug=slug,
        parent=parent,
        created_by=editor(),
        in_navigation=True,
    )
    version = newest(page)
    if text is not None:
        add_text(version, text)
    if publish:
        version.publish(editor())
    page.refresh_from_db()
    return page


def placeholder(version, slot="content"):
    return version.content.get_placeholders().get(slot=slot)


def add_text(version, body, slot="content", **where):
    return add_plugin(placeholder(version, slot), "TextPlugin", "en", body=body, **where)


def add_link(version, name, page, target=None, slot="content"):
    """A link to a page: {"internal_link": "cms.page:12"}."""
    return add_plugin(
        placeholder(version, slot),
        "LinkPlugin",
        "en",
        target=target,
        name=name,
        link={"internal_link": f"cms.page:{page.pk}"},
    )


def add_text_with_link(version, before, name, page, after, slot="content"):
    """A text with a link plugin inside, which it names by ID, and with a link to a page by ID."""
    text = add_text(version, before, slot)
    link = add_link(version, name, page, target=text, slot=slot)
    text.body = (
        f"{before}"
        f'<p><cms-plugin alt="{name}" title="{name}" id="{link.pk}">{name}</cms-plugin> '
        f'or <a data-cms-href="cms.page:{page.pk}" href="#">there</a></p>'
        f"{after}"
    )
    text.save()
    return text


def new_version(page, change):
    """A copy of the published version, changed and published."""
    draft = newest(page).copy(editor())
    change(draft)
    draft.publish(editor())
    return draft


def change_text(version, old, new, slot="content"):
    for plugin in placeholder(version, slot).get_plugins("en").filter(plugin_type="TextPlugin"):
        text = plugin.get_bound_plugin()
        if old in text.body:
            text.body = text.body.replace(old, new)
            text.save()
            return
    raise AssertionError(f"no text holds {old!r}")
