"""python shop.py test"""

import shop
from django.core.cache import cache
from django.test import SimpleTestCase


class ShopTests(SimpleTestCase):
    def setUp(self):
        cache.clear()
        shop.work.update(price=0, page=0, fragment=0)

    def test_a_price_is_made_once(self):
        for _ in range(3):
            self.assertEqual(self.client.get("/price/tea").json(), {"item": "tea", "cents": 300})
        self.assertEqual(shop.work["price"], 1)

    def test_a_page_and_a_fragment_are_made_once(self):
        for _ in range(3):
            self.assertEqual(self.client.get("/catalogue").content, b"the catalogue, made 1 times")
            self.assertContains(self.client.get("/"), "<li>tea</li><li>cake</li>")
        self.assertEqual(shop.work["fragment"], 1)

    def test_a_session_is_in_the_cache(self):
        self.client.get("/cart/tea")
        self.assertEqual(self.client.get("/cart/cake").json(), {"cart": ["tea", "cake"]})
        self.assertEqual(cache.delete_pattern("django.contrib.sessions.cache*"), 1)

    async def test_an_async_view_counts(self):
        for visits in (1, 2, 3):
            self.assertEqual((await self.async_client.get("/visit")).json(), {"visits": visits})

    def test_one_rebuild_at_a_time(self):
        self.client.get("/price/tea")
        self.client.get("/price/cake")
        with cache.lock("rebuild", timeout=30):
            self.assertEqual(self.client.get("/rebuild").status_code, 409)
        self.assertEqual(self.client.get("/rebuild").content, b"deleted 2 prices")
