#!/usr/bin/env bash
# The main job on real media, all of it from packages: photos read straight out of a scikit-image wheel, speech straight
# out of a Debian package, and a few sentences. Shows what came out.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
export PATH="$PWD/$build/bin:$PATH"
media=${XDG_CACHE_HOME:-$HOME/.cache}/mm/demo
out=$build/demo
mkdir -p "$media" "$out"

say() { printf '\n%s\n' "$*"; }
show() { printf '  $ %s\n' "$*"; }
indent() { sed 's/^/    /'; }

find_media() { find "$media" -maxdepth 1 -name "$1" | head -n 1; }

photos=$(find_media 'scikit_image-*.whl')
if [ -z "$photos" ]; then
    python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: -d "$media" scikit-image
    photos=$(find_media 'scikit_image-*.whl')
fi
speech=$(find_media 'pocketsphinx-testdata_*.deb')
if [ -z "$speech" ]; then
    # as whoever runs this: apt would else give up its rights and could not write here
    fetch=$(mktemp -d) && chmod 755 "$fetch"
    (cd "$fetch" && apt-get -qq -o APT::Sandbox::User=root download pocketsphinx-testdata)
    mv "$fetch"/*.deb "$media/" && rmdir "$fetch"
    speech=$(find_media 'pocketsphinx-testdata_*.deb')
fi
printf '%s\n' \
    'The striker scored twice in the final minutes.' \
    'The central bank raised interest rates again.' \
    'The new telescope found water on a distant planet.' \
    'Both presidents met to talk about the border.' >"$out/sentences.txt"

say "Photos inside a Python wheel, speech inside a Debian package, sentences in a file: one pipeline, three encoders"
show "{ mm-decode --only image *.whl; mm-decode --only audio *.deb; mm-decode --lines sentences.txt; } |"
show "    mm-encode-image -m imgfocus-vits14 --layer 8 --pool mean | mm-encode-text -m minilm-l6 | mm-encode-audio -m whisper-base > features.mm"
{
    # a picture that cannot be read becomes an error record, which goes through all that follows
    mm-decode --only image -m imgfocus-vits14 "$photos" 2>"$out/decode.log" || true
    mm-decode --only audio "$speech"
    mm-decode --root "$out" --lines "$out/sentences.txt"
} | mm-encode-image -m imgfocus-vits14 --layer 8 --pool mean | mm-encode-text -m minilm-l6 |
    mm-encode-audio -m whisper-base >"$out/features.mm"
show "mm-cat --count-by of features.mm"
mm-cat --count-by of --where kind=feature "$out/features.mm" | indent || true
show "mm-cat --where of=audio --head 3 --summary features.mm"
mm-cat --where of=audio --head 3 --summary "$out/features.mm" | indent || true

say "Which photos look alike"
show "mm-label --knn features.mm --by-key --leave-one-out -k 1 --of image features.mm"
mm-label --knn "$out/features.mm" --by-key --leave-one-out -k 1 --of image --no-header "$out/features.mm" 2>/dev/null |
    awk -F '\t' '{ sub(".*/", "", $1); sub(".*/", "", $6) }
        $1 ~ /^(motorcycle_left|motorcycle_right|grass|gravel|page)$/ { printf "%-18s is most like %s\n", $1, $6 }' | indent || true

say "What the sentences are about, without any training"
show "printf 'sports\nbusiness\n…' | mm-decode --lines - | mm-encode-text -m minilm-l6 > topics.mm"
show "mm-label --against topics.mm --of text features.mm"
printf '%s\n' sports business science politics | mm-decode --lines - | mm-encode-text -m minilm-l6 >"$out/topics.mm"
mm-label --against "$out/topics.mm" --of text --no-header "$out/features.mm" 2>/dev/null | cut -f 6 |
    paste - "$out/sentences.txt" | awk -F '\t' '{ printf "%-10s %s\n", $1, $2 }' | indent || true

say "Everything is in $out; mm-intro(7), mm-decode(1), mm-label(1) say more."
