# mm-model fetch, from a hub of our own (hub.py) that misbehaves on request.

setup() {
    export T=$BATS_TEST_TMPDIR MM_MODELS=$BATS_TEST_TMPDIR/models XDG_DATA_HOME=$BATS_TEST_TMPDIR/data # no models of the user's own
    unset HF_TOKEN HF_ENDPOINT http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
    mkdir -p "$MM_MODELS"
}

teardown() {
    if [ -n "${HUB:-}" ]; then kill "$HUB" 2>/dev/null || true; fi
}

# start_hub FAULT...: a hub with owner/name in it; HF_ENDPOINT is set
start_hub() {
    command -v python3 >/dev/null || skip "no python3"
    local repo=$T/hub/owner/name
    if [ ! -d "$repo" ]; then
        mm-model -q import tests/goldens/onnx/dinov2.onnx "$repo"
        rm "$repo/SHA256SUMS"
        mkdir "$repo/1_Pooling" "$repo/onnx"
        echo '{}' >"$repo/1_Pooling/config.json"
        echo x >"$repo/onnx/model.onnx"
        echo x >"$repo/pytorch_model.bin"
        printf -- '---\nlicense: mit\n---\n' >"$repo/README.md"
    fi
    rm -f "$T/port"
    python3 tests/bats/hub.py "$T/hub" "$T/port" "$T/log" "$@" 3>&- &
    HUB=$!
    for _ in $(seq 100); do
        [ -f "$T/port" ] && break
        sleep 0.1
    done
    export HF_ENDPOINT=http://127.0.0.1:$(cat "$T/port")
}

same() { cmp "$T/hub/owner/name/$1" "$MM_MODELS/name/$1"; }

@test "fetch takes what is needed, checked, and nothing else" {
    start_hub
    run mm-model fetch owner/name
    [ "$status" -eq 0 ]
    [ "$output" = "$MM_MODELS/name" ]
    same model.safetensors
    same config.json
    same 1_Pooling/config.json
    [ ! -e "$MM_MODELS/name/onnx" ]
    [ ! -e "$MM_MODELS/name/pytorch_model.bin" ]
    [ ! -e "$MM_MODELS/name/.commit" ]
    [ ! -e "$MM_MODELS/name.part" ]
    mm-model verify name
    run mm-model fetch owner/name
    [ "$status" -eq 2 ]
    [[ $output == *"is there already"* ]]
}

@test "fetch resumes after broken connections, with Range" {
    start_hub truncate=2
    mm-model -q fetch owner/name
    same model.safetensors
    grep -q 'cdn.*bytes=[1-9]' "$T/log"
}

@test "fetch starts over where Range is not understood" {
    start_hub truncate=1 norange
    mm-model -q fetch owner/name
    same model.safetensors
}

@test "fetch survives a hub that is busy for a moment" {
    start_hub busy=1
    mm-model -q fetch owner/name
    same model.safetensors
}

@test "an interrupted fetch is resumed by the next run" {
    start_hub
    mm-model -q fetch owner/name
    mv "$MM_MODELS/name" "$T/whole"
    mkdir "$MM_MODELS/name.part"
    printf 0123456789abcdef0123456789abcdef01234567 >"$MM_MODELS/name.part/.commit"
    cp "$T/whole/config.json" "$MM_MODELS/name.part/"
    head -c 5000 "$T/whole/model.safetensors" >"$MM_MODELS/name.part/model.safetensors.part"
    : >"$T/log"
    mm-model -q fetch owner/name
    diff -r "$T/whole" "$MM_MODELS/name"
    grep -q 'bytes=5000-' "$T/log"
    ! grep -q 'resolve.*/config.json' <(grep -v 1_Pooling "$T/log")
}

@test "a partial download of another commit is thrown away" {
    start_hub
    mkdir "$MM_MODELS/name.part"
    printf ffff >"$MM_MODELS/name.part/.commit"
    echo garbage >"$MM_MODELS/name.part/config.json"
    mm-model -q fetch owner/name
    same config.json
}

@test "fetch: a directory in the way is left alone" {
    start_hub
    mkdir "$MM_MODELS/name.part"
    echo mine >"$MM_MODELS/name.part/config.json"
    run mm-model -q fetch owner/name
    [ "$status" -eq 2 ]
    [[ $output == *name.part*"in the way"* ]]
    [ "$(cat "$MM_MODELS/name.part/config.json")" = mine ]
    [ -z "$(mm-model --names list)" ]
}

@test "fetch --all takes every file, folders too" {
    start_hub
    mm-model -q --all fetch owner/name
    same onnx/model.onnx
    same pytorch_model.bin
}

@test "a file whose SHA-256 is wrong does not become a model" {
    start_hub lie
    run mm-model -q fetch owner/name
    [ "$status" -eq 2 ]
    [[ $output == *model.safetensors*SHA-256* ]]
    [ ! -e "$MM_MODELS/name" ]
}

@test "a token goes to the hub and to nobody else" {
    start_hub token=secret
    run mm-model -q fetch owner/name
    [ "$status" -eq 2 ]
    [[ $output == *401*HF_TOKEN* ]]
    HF_TOKEN=secret mm-model -q fetch owner/name
    same model.safetensors
    grep -q 'resolve.* auth' "$T/log"
    ! grep -q 'cdn.* auth' "$T/log"
}

@test "fetch: weights in several files" {
    start_hub
    rm -r "$T/hub/owner/name"
    cp -r tests/goldens/safetensors/sharded "$T/hub/owner/name"
    mm-model -q fetch owner/name
    diff -r "$T/hub/owner/name" "$MM_MODELS/name" -x SHA256SUMS
    mm-model verify name
}

@test "fetch: a revision, and malformed names" {
    start_hub
    mm-model -q fetch owner/name@refs/pr/1 other
    [ -f "$MM_MODELS/other/model.safetensors" ]
    run mm-model fetch owner/name@nosuch
    [ "$status" -eq 2 ]
    [[ $output == *404*nosuch* ]]
    run mm-model fetch owner/absent
    [[ $output == *404* ]]
    for bad in ../x a/b/c owner/ 'a b' owner/.. x@ x@../y; do
        run mm-model fetch "$bad" "$T/bad"
        [ "$status" -eq 2 ]
        [[ $output == *"expected OWNER/NAME"* ]]
    done
}

@test "fetch: a repository without safetensors says what to do" {
    start_hub
    rm "$T/hub/owner/name/model.safetensors"
    run mm-model fetch owner/name
    [ "$status" -eq 2 ]
    [[ $output == *pytorch_model.bin*save_pretrained* ]]
    [ ! -e "$MM_MODELS/name.part" ]
}

@test "fetch: a hub that cannot be reached" {
    HF_ENDPOINT=http://127.0.0.1:9 run mm-model fetch owner/name
    [ "$status" -eq 2 ]
    [[ $output == *"cannot be reached"*offline* ]]
    HF_ENDPOINT=ftp://x run mm-model fetch owner/name
    [[ $output == *HF_ENDPOINT* ]]
}

@test "fetch: a proxy that fails is named" {
    http_proxy=http://127.0.0.1:9 HF_ENDPOINT=http://hub.invalid run mm-model fetch owner/name
    [ "$status" -eq 2 ]
    [[ $output == *"through the proxy that http_proxy names"* ]]
}

@test "fetch comes back when the hub asks it to, and not where that is long" {
    start_hub busy=1 later=3
    before=$(date +%s)
    mm-model -q fetch owner/name
    [ $(($(date +%s) - before)) -ge 3 ]
    same model.safetensors
    kill "$HUB"
    start_hub busy=1 later=4000
    run mm-model -q fetch owner/name other
    [ "$status" -eq 2 ]
    [[ $output == *"asks to come back in 4000 s"* ]]
}

@test "fetch: a file without end, and a list without end" {
    start_hub nosize
    ulimit -f 150000
    run mm-model -q fetch owner/name
    [ "$status" -eq 2 ]
    [[ $output == *"config.json: longer than such a file may be"* ]]
    [ ! -e "$MM_MODELS/name" ]
    kill "$HUB"
    start_hub many
    run mm-model -q fetch owner/name
    [ "$status" -eq 2 ]
    [[ $output == *"more than 4096 files"* ]]
}
