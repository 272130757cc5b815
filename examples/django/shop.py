"""A Django site in one file whose cache is terrace: sessions, a cached page, a template fragment, counters, a lock, an async view.

    pip install "terrace[django]"
    python shop.py runserver          # needs a Redis; TERRACE_EXAMPLE_REDIS is its URL
    python shop.py test               # the tests of tests.py
"""

import os
import pathlib
import sys

from django.conf import settings

HERE = pathlib.Path(__file__).resolve().parent
REDIS = os.environ.get("TERRACE_EXAMPLE_REDIS", "redis://localhost")

settings.configure(
    SECRET_KEY=os.environ.get("SECRET_KEY", "keep the real one out of the sources"),  # the cache seals its entries with a key made of it
    ALLOWED_HOSTS=["localhost", "testserver"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.sessions"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [HERE]}],
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
    CACHES={
        "default": {
            "BACKEND": "terrace.django.TerraceCache",
            "LOCATION": REDIS,
            "KEY_PREFIX": "shop",
            "TIMEOUT": 300,
            "OPTIONS": {"MAX_ENTRIES": 10_000},
        }
    },
)

from django.core.cache import cache  # noqa: E402
from django.core.management import execute_from_command_line  # noqa: E402
from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.shortcuts import render  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.cache import cache_page  # noqa: E402

#: How often the slow parts ran. The tests look at it.
work = {"price": 0, "page": 0, "fragment": 0}


def slow_price(item):
    work["price"] += 1
    return {"item": item, "cents": 100 * len(item)}


def price(request, item):
    """Callers that miss at the same time share one call, in all processes."""
    return JsonResponse(cache.get_or_set(f"price:{item}", lambda: slow_price(item), timeout=60))


@cache_page(60)
def catalogue(request):
    work["page"] += 1
    return HttpResponse(f"the catalogue, made {work['page']} times")


def menu():
    work["fragment"] += 1
    return ["tea", "cake"]


def start(request):
    """The fragment of the template is kept apart from the page."""
    return render(request, "start.html", {"menu": menu})


def add_to_cart(request, item):
    """The session is in the cache."""
    request.session.setdefault("cart", []).append(item)
    request.session.modified = True
    return JsonResponse({"cart": request.session["cart"]})


async def visit(request):
    """An async view: no thread is needed."""
    await cache.aadd("visits", 0, timeout=None)
    return JsonResponse({"visits": await cache.aincr("visits")})


def rebuild(request):
    """One process at a time."""
    lock = cache.lock("rebuild", timeout=30, blocking=False)
    if not lock.acquire():
        return HttpResponse("somebody else does it", status=409)
    try:
        return HttpResponse(f"deleted {cache.delete_pattern('price:*')} prices")
    finally:
        lock.release()


urlpatterns = [
    path("", start),
    path("price/<item>", price),
    path("catalogue", catalogue),
    path("cart/<item>", add_to_cart),
    path("visit", visit),
    path("rebuild", rebuild),
]

if __name__ == "__main__":
    sys.modules["shop"] = sys.modules["__main__"]
    execute_from_command_line(sys.argv)
