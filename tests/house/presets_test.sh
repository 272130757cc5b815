#!/usr/bin/env bash
# cmake knows the presets of $1, and each has a build and a test preset: presets_test.sh SOURCE.
set -euo pipefail
cd "$1"
presets='"asan" "clang" "debug" "release" "tsan"'
for kind in configure build test; do
  listed=$(cmake --list-presets=$kind | grep -o '"[a-z]*"' | sort | tr '\n' ' ')
  if [ "$listed" != "$presets " ]; then
    echo "presets_test: $kind presets are $listed; expected $presets" >&2
    exit 1
  fi
done
python3 - <<'PYTHON'
import json

presets = json.load(open("CMakePresets.json"))
base = presets["testPresets"][0]["filter"]["exclude"]["label"]
excluded = {p["name"]: p.get("filter", {"exclude": {"label": base}})["exclude"]["label"] for p in presets["testPresets"]}
assert all("long" in label for label in excluded.values()), f"a preset runs the long tests: {excluded}"
folder = presets["configurePresets"][0]["binaryDir"]
assert folder == "${sourceDir}/build/${presetName}" and not any("binaryDir" in p for p in presets["configurePresets"][1:])
PYTHON
