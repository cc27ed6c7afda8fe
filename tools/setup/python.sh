#!/usr/bin/env bash
# python.sh LIST: prints the path of a Python that has the packages of tests/python/LIST.txt. It is MM_PYTHON if that is set;
# else a virtual environment in $XDG_CACHE_HOME/mm/python, made the first time. Its name is a hash of the packages and of
# Python's version, so that build directories and checkouts share it, and a changed list gets another one.
set -euo pipefail
cd "$(dirname "$0")/../../tests/python"
[ -z "${MM_PYTHON:-}" ] || { echo "$MM_PYTHON" && exit; }

packages() { sed -n 's/#.*//; /[^ ]/p' "$1.txt" | while read -r word file; do if [ "$word" = -r ]; then packages "${file%.txt}"; else echo "$word"; fi; done; }
hash=$({ python3 --version && packages "$1"; } | sha256sum | cut -c 1-12)
env=${XDG_CACHE_HOME:-$HOME/.cache}/mm/python/$1-$hash
if [ ! -e "$env/complete" ]; then
    echo "python.sh: installing the packages of tests/python/$1.txt into $env" >&2
    mkdir -p "${env%/*}"
    (
        flock 9
        [ ! -e "$env/complete" ] || exit 0
        python3 -m venv --clear "$env"
        "$env/bin/pip" install -q --disable-pip-version-check -r "$1.txt" >&2
        touch "$env/complete"
    ) 9>"$env.lock"
fi
echo "$env/bin/python"
