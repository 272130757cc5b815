"""In place of django-redis' own conftest: `cache` is a TerraceCache, over memory and Redis unless TERRACE_PEERS_LEVELS is "memory"."""

import os
import sys
from types import SimpleNamespace

import django
import pytest
from django.conf import settings as django_settings
from terrace.django import TerraceCache

from tests.settings_wrapper import SettingsWrapper


class Backend(TerraceCache):
    """The tests ask for the client and its serializer to leave out what some clients cannot do. terrace has neither."""

    client = SimpleNamespace(_serializer=None, _has_compression_enabled=lambda: False)


def pytest_configure(config):
    in_memory = os.environ.get("TERRACE_PEERS_LEVELS") == "memory"
    setting = {"BACKEND": f"{__name__}.Backend", "LOCATION": "suite" if in_memory else os.environ["TERRACE_PEERS_REDIS"]}
    sys.modules.setdefault(__name__, sys.modules[Backend.__module__])
    django_settings.configure(
        SECRET_KEY="django_tests_secret_key",
        CACHES={"default": setting, "sample": setting, "with_prefix": {**setting, "KEY_PREFIX": "test-prefix"}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
        USE_TZ=False,
    )
    django.setup()


@pytest.fixture
def settings():
    wrapper = SettingsWrapper()
    yield wrapper
    wrapper.finalize()


@pytest.fixture
def cache():
    from django.core.cache import cache as default

    yield default
    default.clear()
