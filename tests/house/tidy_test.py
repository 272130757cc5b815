"""The tidy rules catch what they are for: each test breaks one rule in a small tree of its own."""

import pathlib
import tempfile
import unittest

import tidy


class TidyTest(unittest.TestCase):
    def breaches(self, tree):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in tree.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return list(tidy.breaches(root))

    def assert_breach(self, tree, text):
        found = self.breaches(tree)
        self.assertTrue(any(text in line for line in found), found)

    def test_a_clean_tree_has_none(self):
        tree = {
            "src/cascade/a.cpp": '#include "memory/b.hpp"\n#include <terrace/clock.hpp>\n',
            "src/memory/b.hpp": "#pragma once\n",
            "include/terrace/clock.hpp": "#include <chrono>\n",
            "src/cascade/CMakeLists.txt": "a.cpp",
            "README.md": "[more](docs/more.md)",
            "docs/more.md": "",
        }
        self.assertEqual(self.breaches(tree), [])

    def test_an_include_that_climbs(self):
        cmake = {"src/memory/CMakeLists.txt": "a.cpp", "src/redis/CMakeLists.txt": "a.cpp"}
        self.assert_breach(cmake | {"src/memory/a.cpp": "#include <terrace/cache.hpp>\n"}, "must not know terrace/cache.hpp")
        self.assert_breach(cmake | {"src/redis/a.cpp": "#include <terrace/sqlite.hpp>\n"}, "must not know")
        self.assert_breach(cmake | {"src/memory/a.cpp": '#include "cascade/x.hpp"\n'}, "must not know cascade/x.hpp")
        detail = {"include/terrace/detail/memory/x.hpp": "#include <terrace/detail/cascade/y.hpp>\n"}
        self.assert_breach(detail, "must not know")

    def test_heavy_includes_in_public_headers(self):
        self.assert_breach({"include/terrace/tier.hpp": "#include <boost/asio/post.hpp>\n"}, "light Boost")
        self.assert_breach({"include/terrace/codec.hpp": "#include <msgpack.hpp>\n"}, "msgpack.hpp in a public header")
        self.assertEqual(self.breaches({"include/terrace/async.hpp": "#include <boost/asio/post.hpp>\n"}), [])

    def test_a_public_header_without_a_layer(self):
        self.assert_breach({"include/terrace/new_thing.hpp": ""}, "name the layer")

    def test_long_files(self):
        self.assert_breach({"src/base/a.cpp": "\n" * 501, "src/base/CMakeLists.txt": "a.cpp"}, "501 lines")
        self.assert_breach({"python/terrace/a.py": "\n" * 501}, "501 lines")

    def test_clocks_and_sleeps(self):
        cmake = {"src/redis/CMakeLists.txt": "a.cpp", "tests/CMakeLists.txt": "a.cpp"}
        self.assert_breach(cmake | {"src/redis/a.cpp": "auto t = std::chrono::system_clock::now();\n"}, "use Clock")
        self.assert_breach(cmake | {"tests/a.cpp": "std::this_thread::sleep_for(1s);\n"}, "a test sleeps")
        self.assert_breach({"tests/python/test_a.py": "    time.sleep(1)\n"}, "a test sleeps")
        self.assert_breach({"tests/python/test_a.py": "    await asyncio.sleep(0.1)\n"}, "a test sleeps")
        self.assertEqual(self.breaches({"tests/python/test_a.py": "    await asyncio.sleep(0)\n"}), [])
        self.assertEqual(self.breaches({"src/base/a.cpp": "system_clock::now();\n", "src/base/CMakeLists.txt": "a.cpp"}), [])

    def test_dead_files(self):
        self.assert_breach({"src/base/a.cpp": ""}, "no CMakeLists.txt builds it")
        self.assert_breach({"src/base/a.hpp": ""}, "nothing includes it")
        self.assert_breach({"docs/lost.md": ""}, "no page links to it")
        self.assert_breach({"scripts/lost.sh": ""}, "nothing calls it")


if __name__ == "__main__":
    unittest.main()
