"""The check of the documentation's words reports a bad sentence and leaves a good one alone."""

import pathlib
import tempfile
import unittest

import prose

ROOT = pathlib.Path(__file__).resolve().parents[2]
GLOSSARY = (ROOT / prose.GLOSSARY).read_text()


class ProseTest(unittest.TestCase):
    def breaches(self, text, name="docs/page.md"):
        return list(prose.breaches(name, text, list(prose.words(GLOSSARY))))

    def assert_breach(self, text, line, message):
        found = self.breaches(text)
        self.assertTrue(any(number == line and message in said for number, said in found), found)

    def assert_clean(self, text):
        self.assertEqual(self.breaches(text), [])

    def test_a_good_page(self):
        self.assert_clean("# Reading\n\nA caller that misses waits for the fill. Requests in flight are cancelled.\n")

    def test_a_word_that_is_not_used(self):
        self.assert_breach("# Reading\n\nThe tier is asked anew.\n", 3, "write: again")
        self.assert_breach("All of them but\nfor one.\n", 1, '"but for"')
        self.assert_breach("| state | Void |\n", 1, "write: invalidate")

    def test_a_word_is_right_in_some_phrases(self):
        self.assert_clean("A circuit breaker opens. Everything else goes on. A load is in flight.\n")
        self.assert_breach("The breaker opens.\n", 1, "circuit breaker")
        self.assert_breach("It ends, or else it waits.\n", 1, "otherwise")

    def test_parts_of_other_words_are_not_found(self):
        self.assert_clean("The gateway investigates a longer lifetime. The load-bearing life-cycle stays.\n")

    def test_code_links_and_quotations_are_not_read(self):
        self.assert_clean("`anew` and [link](docs/anew.md), \"make it anew\" <!-- anew --> https://anew.example/anew\n")
        self.assert_clean("```cpp\n// anew, and What is this.\n```\n")
        self.assert_breach("```cpp\n```\n\nanew\n", 4, "again")

    def test_a_clause_is_no_subject(self):
        self.assert_breach("What misses becomes a request.\n", 1, 'begins with "What')
        self.assert_breach("It ends. Who joins late\nwaits.\n", 1, 'begins with "Who')
        self.assert_breach("- **What a level has** is not loaded.\n", 1, 'begins with "What')
        self.assert_clean("What follows from it?\n")
        self.assert_clean("## What it costs\n")

    def test_long_lines(self):
        self.assert_breach("a " * 61 + "\n", 1, "122 columns")
        self.assert_clean("a " * 60 + "\n")
        self.assert_clean("| " + "a " * 100 + "|\n")
        self.assert_clean("```sh\n" + "a " * 100 + "\n```\n")
        self.assert_clean("https://example/" + "a" * 200 + "\n")

    def test_the_table_of_words_is_not_reported(self):
        self.assertEqual([said for _, said in self.breaches(GLOSSARY, prose.GLOSSARY.as_posix())], [])

    def test_pages_are_found(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "docs/decisions").mkdir(parents=True)
            for page in ("README.md", "docs/a.md", "docs/decisions/0001.md", "CHANGELOG.md"):
                (root / page).write_text("")
            self.assertEqual([page.as_posix() for page in prose.pages(root)], ["README.md", "docs/a.md", "docs/decisions/0001.md"])


if __name__ == "__main__":
    unittest.main()
