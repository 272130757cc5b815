"""Django's tests of a cache backend, on TerraceCache. Culling is excluded in the same way as in Django's tests of its RedisCache."""

import on_terrace
from django.test import TestCase, override_settings

from .tests import BaseCacheTests, caches_setting_for_tests


@override_settings(CACHES=caches_setting_for_tests(base=on_terrace.SETTING, exclude={"cull", "zero_cull"}))
class TerraceCacheTests(BaseCacheTests, TestCase):
    pass
