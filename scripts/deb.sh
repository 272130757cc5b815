#!/usr/bin/env bash
# Builds the Debian packages terrace and libterrace-dev into build/deb/packages. The maintainer in them is
# DEBFULLNAME <DEBEMAIL>. Compiled as build/release, so the compiler's cache has it; for Debian's own flags, which compile
# everything again: CXXFLAGS="$(dpkg-buildflags --get CXXFLAGS) $(dpkg-buildflags --get CPPFLAGS)" make deb, without a build/deb from before.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}

lacking=()
for program in dpkg-deb:dpkg dpkg-shlibdeps:dpkg-dev bcp:libboost-tools-dev; do
  command -v "${program%%:*}" >/dev/null || lacking+=("${program##*:}")
done
if [ ${#lacking[@]} -gt 0 ]; then
  echo "deb: needs more programs: apt-get install ${lacking[*]}" >&2
  exit 1
fi

# The date of the sources: the same sources make the same packages.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

cmake -S . -B build/deb -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr \
  -DCMAKE_EXE_LINKER_FLAGS="-pie -Wl,-z,relro -Wl,-z,now" \
  -DTERRACE_TESTS=OFF -DTERRACE_PACKAGES=ON -DTERRACE_ZSH_FOLDER=share/zsh/vendor-completions \
  ${DEBEMAIL:+-DTERRACE_MAINTAINER="${DEBFULLNAME:-terrace maintainers} <$DEBEMAIL>"} \
  -DTERRACE_PACKAGE_DATE="$(date -R -u -d "@$SOURCE_DATE_EPOCH")"
cmake --build build/deb -j "$jobs"
rm -rf build/deb/packages
(cd build/deb && cpack -B packages)
rm -rf build/deb/packages/_CPack_Packages
ls -l build/deb/packages
