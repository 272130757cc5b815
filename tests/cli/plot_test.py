#!/usr/bin/env python3
"""What `terrace simulate --plot` draws. Usage: plot_test.py TERRACE GOLDEN.csv [unittest's options]."""

import os
import pathlib
import re
import stat
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

TERRACE, GOLDEN = sys.argv[1:3]
SVG = "{http://www.w3.org/2000/svg}"
POLICIES = "adaptive,s3fifo,w-tinylfu,gdsf,lru,lfu,fifo,ttl,belady"


class Plot(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.folder = pathlib.Path(place.name)
        self.file = self.folder / "plot.svg"

    def simulate(self, *arguments, file=None):
        return subprocess.run([TERRACE, "simulate", *arguments, "--plot", self.file if file is None else file],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="surrogateescape")

    def plot(self, *arguments):
        ended = self.simulate(*arguments)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        return xml.etree.ElementTree.parse(self.file).getroot()

    def refused(self, why, *arguments, file=None):
        ended = self.simulate(GOLDEN, "--entries", "5", *arguments, file=file)
        self.assertEqual((ended.returncode, ended.stdout), (2, ""))
        self.assertTrue(ended.stderr.startswith("terrace: --plot "), ended.stderr)
        self.assertIn(why, ended.stderr)

    def test_has_a_line_and_a_legend_for_each_policy(self):
        svg = self.plot(GOLDEN, "--policy", POLICIES, "--entries", "10..1000")
        names, looks = [], set()
        for line in lines(svg):
            names.append(line.find(f"{SVG}title").text)
            dashed = line.find(f"{SVG}path").get("stroke-dasharray") is not None
            looks.add((names[-1], line.get("stroke"), dashed))
            # A point for each size, or the two ends of what the legend shows.
            self.assertIn(len(points(line)), (12, 1))
        self.assertEqual(sorted(names), sorted(POLICIES.split(",") * 2))
        self.assertEqual(len({colour for _, colour, _ in looks}), 9)
        self.assertEqual([name for name, _, dashed in looks if dashed], ["belady"])
        # The optimum is drawn last, and heads the legend.
        self.assertEqual((names[8], names[9]), ("belady", "belady"))

    def test_places_points_by_size_and_rate(self):
        svg = self.plot(GOLDEN, "--policy", "fifo,belady", "--entries", "1000,10,100")
        of = {line.find(f"{SVG}title").text: points(line) for line in lines(svg)[:2]}
        for name, drawn in of.items():
            (x1, y1), (x2, y2), (x3, y3) = drawn
            self.assertAlmostEqual(x2 - x1, x3 - x2, delta=0.2)  # logarithmic
            self.assertTrue(y1 > y2 > y3, "more room, more hits")
        for fifo, optimum in zip(of["fifo"], of["belady"]):
            self.assertLessEqual(optimum[1], fifo[1])  # down is more
        self.assertLess(of["belady"][0][1], of["fifo"][0][1])
        for x, y in of["fifo"] + of["belady"]:
            self.assertTrue(0 < x < float(svg.get("width")) and 0 < y < float(svg.get("height")))

    def test_writes_numbers_that_people_read(self):
        self.assertEqual([t for t in texts(self.plot(GOLDEN, "--policy", "lru", "--entries", "100..2000000"))
                          if re.fullmatch(r"[0-9]+[kM]?", t)], ["100", "1k", "10k", "100k", "1M"])
        written = texts(self.plot(GOLDEN, "--entries", "10,300"))
        self.assertLessEqual({"cache size (entries)", "hit rate", "20", "200", "4,000 requests"}, set(written))
        self.assertGreater(len([t for t in written if t.endswith(" %")]), 2)

    def test_has_a_ground_of_its_own_and_needs_nothing_else(self):
        svg = self.plot(GOLDEN, "--entries", "10,100")
        ground = svg.find(f"{SVG}rect")
        self.assertEqual((ground.get("fill"), ground.get("width"), ground.get("height")),
                         ("#ffffff", svg.get("width"), svg.get("height")))
        text = self.file.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
        for foreign in ("http", "href", "url(", "<script", "<style", "class="):
            self.assertNotIn(foreign, text)

    def test_one_size_is_points(self):
        svg = self.plot(GOLDEN, "--policy", "lru,belady", "--entries", "50")
        for line in lines(svg)[:2]:
            self.assertEqual(len(line.findall(f"{SVG}path")), 2, "a stroke, and its marker")

    def test_several_traces_are_panels_below_each_other(self):
        other = self.folder / "other.keys"
        other.write_text("1\n2\n1\n")
        svg = self.plot(GOLDEN, other, "--policy", "lru", "--entries", "1,2")
        self.assertEqual([t for t in texts(svg) if t in ("golden ", "other ")], ["golden ", "other "])
        self.assertEqual(len(lines(svg)), 4)
        shifts = [g.get("transform") for g in svg.findall(f"{SVG}g")]
        self.assertEqual(shifts, ["translate(0 0)", "translate(0 380)"])
        self.assertEqual(svg.get("height"), "760")

    def test_names_of_traces_are_only_text(self):
        for name, shown in {"<script>alert(1)<\\script>&amp;\"'": "<script>alert(1)<\\script>&amp;\"'",
                            "a\x1b[31m\nb\u202ec": r"a\x1b[31m\x0ab\u202ec",
                            b"\xff\xfe": r"\xff\xfe", "\ufffe\uffff": "??",
                            "]]>": "]]>", "ä" * 100: "ä" * 60 + "…"}.items():
            trace = os.path.join(os.fsencode(self.folder), os.fsencode(name) + b".keys")
            with open(trace, "w") as file:
                file.write("1\n1\n")
            svg = self.plot(trace, "--policy", "lru", "--entries", "1")
            self.assertIn(shown + " ", texts(svg))

    def test_replaces_a_file_as_a_whole_and_keeps_its_mode(self):
        self.file.write_text("before")
        self.file.chmod(0o640)
        linked = self.folder / "link.svg"
        linked.symlink_to(self.file)
        self.assertEqual(self.simulate(GOLDEN, "--entries", "5", file=linked).returncode, 0)
        self.assertTrue(linked.is_symlink())
        self.assertTrue(self.file.read_text().endswith("</svg>\n"))
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o640)
        self.file.unlink()
        before = os.umask(0o027)
        self.assertEqual(self.simulate(GOLDEN, "--entries", "5").returncode, 0)
        os.umask(before)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o640)
        self.assertEqual({p.name for p in self.folder.iterdir()}, {"plot.svg", "link.svg"})

    def test_prints_the_table_as_without_it(self):
        for form in ([], ["--json"]):
            arguments = [GOLDEN, "--policy", "lru,belady", "--entries", "5,50", *form]
            alone = subprocess.run([TERRACE, "simulate", *arguments], capture_output=True, text=True)
            self.assertEqual(self.simulate(*arguments).stdout, alone.stdout)

    def test_refuses_what_it_could_not_write_before_it_begins(self):
        missing = self.folder / "none" / "plot.svg"
        self.refused(f"{missing} cannot be written: No such file or directory: name a file in a folder that exists",
                     file=missing)
        self.refused("does not end in .svg: give a name such as hits.svg", file=self.folder / "a.png")
        self.refused("does not end in .svg", file="-")
        self.refused("does not end in .svg", file="")
        self.file.mkdir()
        self.refused(f"{self.file} is a folder: name a file")
        pipe = self.folder / "pipe.svg"
        os.mkfifo(pipe)
        self.refused("not a regular file", file=pipe)
        self.assertEqual({p.name for p in self.folder.iterdir()}, {"plot.svg", "pipe.svg"})

    def test_a_trace_that_is_refused_leaves_the_old_plot(self):
        self.file.write_text("before")
        self.assertEqual(self.simulate(self.folder / "none.keys", "--entries", "5").returncode, 2)
        self.assertEqual(self.file.read_text(), "before")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["plot.svg"])


def lines(svg):
    """The lines of the plot, and those of its legend behind them, of each panel."""
    return [g for g in svg.iter(f"{SVG}g") if g.find(f"{SVG}title") is not None]


def points(line):
    stroke = line.find(f"{SVG}path").get("d")
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", stroke)]


def texts(svg):
    return [element.text for element in svg.iter() if element.tag in (f"{SVG}text", f"{SVG}tspan")]


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
