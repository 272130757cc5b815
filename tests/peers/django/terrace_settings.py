"""Django's own settings for tests with SQLite, over terrace."""

import on_terrace
from test_sqlite import *  # noqa: F403

CACHES = {"default": on_terrace.SETTING}
