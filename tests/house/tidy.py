#!/usr/bin/env python3
"""The house rules that a machine can check. Usage: tidy.py ROOT; prints a line for each breach, and exits 1 on any.

Layers: a file may include only its own layer and lower ones. Files have at most 500 lines. Only the base layer asks the
system for the time; tests do not sleep. Every source is built, every header used, every page linked.
"""

import pathlib
import re
import sys

# Each layer and the layers it may know.
LAYERS = {
    "base": set(),
    "memory": {"base"},
    "envelope": {"base"},
    "snapshot": {"base", "memory", "envelope"},
    "runtime": {"base"},
    "journal": {"base"},
    "redis": {"base", "runtime"},
    "database": {"base", "runtime"},
    "distribution": {"base", "runtime"},
    "assembly": {"base", "runtime", "redis", "database", "distribution"},
    "cascade": {"base", "memory", "envelope", "journal", "runtime"},
    "upkeep": {"base", "memory", "envelope", "journal", "runtime", "cascade"},
    "service": {"base", "memory", "envelope", "journal", "runtime", "redis", "database", "distribution", "assembly", "cascade",
                "upkeep"},
    "testing": {"base"},
}
# The layer of each public header; what is not named here and not in detail/<layer>/ is an error.
PUBLIC = {
    "bytes": "base", "clock": "base", "hash": "base", "histogram": "base", "result": "base", "scheduler": "base",
    "tier": "base", "shared_tier": "base", "glob": "base", "consistency": "base", "versioned_tier": "base", "hash_ring": "distribution", "sharded_tier": "distribution", "replicated_tier": "distribution", "redis_cluster": "redis", "tier_url": "assembly", "key_ring": "envelope", "postgres": "database", "write_back": "cascade", "memory_cache": "memory", "snapshot": "snapshot", "codec": "envelope", "runtime": "runtime", "redis": "redis",
    "sqlite": "database", "atomic": "cascade", "cache": "cascade", "cache_options": "cascade", "cache_stats": "cascade",
    "lookup": "cascade", "memoize": "cascade", "async": "cascade", "cache_handle": "cascade",
    "document": "envelope", "memory_pressure": "upkeep", "metrics": "upkeep", "monitor": "upkeep", "warmer": "upkeep", "warm_sources": "upkeep", "config": "service",
    "caches": "service", "admin": "service", "testing": "testing",
    "eviction": "memory", "memory_options": "memory", "advice": "memory", "journal_sync": "journal", "load": "cascade", "invalidation": "cascade",
}
PUBLIC_BOOST = ("boost/version.hpp", "boost/system/", "boost/pfr", "boost/unordered/", "boost/assert/")
MAX_LINES = 500
CLOCKS = re.compile(r"\b(system_clock::now|gettimeofday|clock_gettime|std::time\(|[^_\w.]time\((?:0|nullptr|NULL)\))")
SLEEPS = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep|clock_nanosleep|time\.sleep|[^_\w.]sleep)\(|\basyncio\.sleep\((?!0\))")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)
LINK = re.compile(r"\]\(([^)#]+)")
# Polls what gives no signal: whether a server answers yet.
PACED = {pathlib.Path("tests/support/child_process.cpp")}
SKIPPED = {"build", ".git", ".deps", ".venv", "node_modules"}


def layer_of(path):
    """The layer a project path belongs to, None for what is above all layers."""
    parts = path.parts
    if parts[0] == "src":
        return parts[1]
    if parts[:2] == ("include", "terrace"):
        return layer_of_header("/".join(parts[2:]))
    return None


def layer_of_header(name):
    parts = name.split("/")
    if parts[0] == "detail":
        return parts[1] if len(parts) > 2 else "cascade" if parts[1] == "cache_access.hpp" else "base"
    return PUBLIC.get(parts[0].removesuffix(".hpp"), "unknown")


def included_layer(name):
    if name.startswith("terrace/"):
        return layer_of_header(name.removeprefix("terrace/"))
    first = name.split("/")[0]
    return first if first in LAYERS and "/" in name else None


def files(root):
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.is_file() and not SKIPPED & set(relative.parts):
            yield relative


def breaches(root):
    every = list(files(root))
    texts = {p: (root / p).read_text(errors="replace") for p in every if p.suffix in {".cpp", ".hpp", ".py", ".sh", ".md"}}
    texts |= {p: (root / p).read_text() for p in every if p.name == "CMakeLists.txt" or p.name == "Makefile"}
    for path, text in texts.items():
        lines = text.count("\n")
        if path.suffix in {".cpp", ".hpp", ".py", ".sh"} and lines > MAX_LINES:
            yield f"{path}: {lines} lines; split it by idea ({MAX_LINES} at most)"
        if path.suffix in {".cpp", ".hpp"}:
            yield from code_breaches(path, text)
        if path.parts[0] == "tests" and path.suffix in {".cpp", ".hpp", ".py"} and path not in PACED and not path.name.startswith("tidy"):
            for number, line in enumerate(text.splitlines(), 1):
                if SLEEPS.search(line):
                    yield f"{path}:{number}: a test sleeps; inject the clock or wait for the event"
    yield from dead(texts)


def code_breaches(path, text):
    layer = layer_of(path)
    if layer == "unknown":
        yield f"{path}: name the layer of this public header in tests/house/tidy.py"
        return
    public = path.parts[0] == "include"
    for name in INCLUDE.findall(text):
        other = included_layer(name)
        if layer and other and other != layer and other not in LAYERS[layer]:
            yield f"{path}: the {layer} layer must not know {name} of the {other} layer"
        if public and name.startswith("boost/") and not name.startswith(PUBLIC_BOOST):
            if not (name.startswith("boost/asio/") and path.name == "async.hpp"):
                yield f"{path}: {name} in a public header; they include std and light Boost only"
        if public and re.match(r"(msgpack|zstd|xxhash|sqlite3|openssl|sodium|hiredis)", name):
            yield f"{path}: {name} in a public header"
    if layer != "base" and path.parts[0] in {"src", "include"}:
        for number, line in enumerate(text.splitlines(), 1):
            if CLOCKS.search(line):
                yield f"{path}:{number}: only the base layer asks the system for the time; use Clock"


def dead(texts):
    included = {name.split("/")[-1] for p, t in texts.items() if p.suffix in {".cpp", ".hpp"} for name in INCLUDE.findall(t)}
    built = "\n".join(t for p, t in texts.items() if p.name == "CMakeLists.txt")
    linked = {link.split("/")[-1] for p, t in texts.items() if p.suffix == ".md" for link in LINK.findall(t)}
    called = "\n".join(t for p, t in texts.items() if p.name in {"Makefile", "CMakeLists.txt"} or p.suffix in {".sh", ".md"})
    for path in texts:
        public = path.parts[:2] == ("include", "terrace") and len(path.parts) == 3
        if path.suffix == ".cpp" and path.name not in built and path.stem not in built:
            yield f"{path}: no CMakeLists.txt builds it"
        if path.suffix == ".hpp" and not public and path.name not in included:
            yield f"{path}: nothing includes it"
        if path.suffix == ".sh" and path.name not in called:
            yield f"{path}: nothing calls it"
        if path.suffix == ".md" and path.parts[0] == "docs" and path.name not in linked:
            yield f"{path}: no page links to it"


def main():
    found = list(breaches(pathlib.Path(sys.argv[1])))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
