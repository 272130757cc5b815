"""The toolbar's settings for tests, over terrace."""

import on_terrace  # noqa: F401
from tests.settings import *  # noqa: F403
