#!/usr/bin/env bats
# The clients of mm-intro(7), as they stand there, and examples/watch: pipelines that are asked and answer while their input is
# open. A tiny ViT with random weights goes under the name of the page's model.
bats_require_minimum_version 1.5.0

setup_file() {
    export D=$BATS_FILE_TMPDIR examples=$PWD/examples
    mkdir -p "$D/models" "$D/photos"
    cp -r tests/goldens/encode/vit "$D/models/imgfocus-vits14"
    export MM_MODELS=$D/models
    # the blocks of the page that have a name
    awk -v d="$D" '
        /^\.\\" @file@ / { file = d "/" $3 }
        /^\.Ed/ { file = inside = "" }
        inside { line = $0; gsub(/\\e/, "\\", line); sub(/^\\&/, "", line); print line > file }
        file && /^\.Bd -literal/ { inside = 1 }' "$MM_BUILD/man/mm-intro.7"
    cd "$D" || return 1
    for i in $(seq 1 8); do echo "png photos/$i.png $i $((20 + i)) 24"; done | python3 "$BATS_TEST_DIRNAME/media.py" -
    for i in $(seq 1 8); do echo "$i,$([ $((i % 2)) = 0 ] && echo good || echo bad)"; done | sed '1i file,label' >labels.csv
    mm-decode --labels labels.csv photos | mm-encode-image -m imgfocus-vits14 -o labelled.mm
    mm-train classify -q --method linear --solver lbfgs -o head.safetensors labelled.mm
    # the answers, all at once
    mm-decode photos/*.png | mm-encode-image -m imgfocus-vits14 | mm-label --knn labelled.mm --no-header >answers.tsv
}

setup() {
    cd "$BATS_TEST_TMPDIR" && ln -s "$D"/{photos,labelled.mm,answers.tsv} .
}

need_msgpack() { "${MM_PYTHON:-python3}" -c 'import msgpack' 2>/dev/null || skip "needs Python's msgpack (set MM_PYTHON)"; }
# that the page and this file speak of the same names
has() { [ -s "$D/$1" ] || { echo "mm-intro.7 has no $1"; false; }; }

@test "the Python client of mm-intro(7): every photo's answer, two in flight" {
    need_msgpack
    has client.py
    timeout 60 "${MM_PYTHON:-python3}" "$D/client.py" photos/*.png >said
    [ "$(wc -l <said)" = 8 ]
    cut -d' ' -f1 said | cmp - <(ls photos/*.png)
    # each label is that of the file at once
    sed -E "s/^\S+ \{'(\w+)'.*/\1/" said | cmp - <(cut -f6 answers.tsv)
}

@test "the Python client: a bad request is answered, the others too" {
    need_msgpack
    echo nothing >bad.png
    run --separate-stderr timeout 60 "${MM_PYTHON:-python3}" "$D/client.py" photos/1.png bad.png photos/2.png
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" = 3 ]
    [[ "${lines[0]}" == "photos/1.png {"* ]]
    [[ "${lines[1]}" == "bad.png "*"holds text"* ]]
    [[ "${lines[2]}" == "photos/2.png {"* ]]
}

@test "the clients: when a tool dies, they say so and end, whatever the others wait for" {
    need_msgpack
    sed 's/exec mm-label .* stream/exec head -c 1/' "$D/client.py" >broken.py
    ! cmp -s broken.py "$D/client.py" || false
    run timeout 60 "${MM_PYTHON:-python3}" broken.py photos/*.png
    [ "$status" -eq 1 ]
    [[ "$output" == *"a tool has ended"* ]]
    sed 's/mm-label .* >answers/head -c 1 >answers/' "$D/client.sh" >broken.sh
    ! cmp -s broken.sh "$D/client.sh" || false
    run timeout 60 sh broken.sh photos/*.png
    [ "$status" -eq 1 ]
    [[ "$output" == *"a tool has ended"* ]]
}

@test "the shell client of mm-intro(7), in any shell" {
    has client.sh
    for shell in bash "$(command -v dash || echo sh)"; do
        timeout 60 "$shell" -eu "$D/client.sh" photos/*.png >said
        cmp said answers.tsv
        run timeout 60 "$shell" -eu "$D/client.sh" photos/*.png '' photos/*.png # no answer comes of it
        [ "$status" = 2 ]
        [ "$output" = 'an empty name' ]
    done
}

# Waits until FILE has N lines.
lines() {
    for _ in $(seq 1 300); do [ "$(wc -l <"$1")" -ge "$2" ] && return; sleep 0.1; done
    cat "$1"
    return 1
}

@test "examples/watch: a line and a code for each file, while the directory is watched" {
    command -v inotifywait >/dev/null || skip "needs inotify-tools"
    mkdir parts
    status=0
    FEATURES= GOOD=good THRESHOLD=0.5 "$examples/watch/watch.sh" "$D/head.safetensors" parts 4 >said 2>err 3>&- &
    for _ in $(seq 1 100); do grep -q established err && break; sleep 0.1; done
    cp photos/1.png parts/
    lines said 1
    cp photos/2.png parts/.hidden
    mv parts/.hidden parts/two.png
    lines said 2
    echo no picture >parts/3.png
    lines said 3
    cp photos/2.png parts/1.png # the same name again
    lines said 4
    wait $! || status=$?
    [ "$status" = 2 ]
    [ "$(cut -f1 said | paste -sd ' ')" = "1.png two.png 3.png 1.png" ]
    [ "$(cut -f2 said | paste -sd ' ')" = "bad good unreadable good" ]
    [ "$(cut -f5 said | paste -sd ' ')" = "1 0 2 0" ]
    [ "$(awk -F'\t' '$4 !~ /^[0-9]+$/' said)" = "" ]
}

@test "examples/watch: a program that dies ends the watch with 2" {
    command -v inotifywait >/dev/null || skip "needs inotify-tools"
    mkdir parts
    status=0
    set -m # a process group of its own, so that only its programs are killed
    FEATURES= GOOD=good THRESHOLD=0 "$examples/watch/watch.sh" "$D/head.safetensors" parts >said 2>err 3>&- &
    for _ in $(seq 1 100); do grep -q established err && break; sleep 0.1; done
    cp photos/1.png parts/
    lines said 1
    pkill -KILL -g $! -x mm-encode-image
    wait $! || status=$?
    [ "$status" = 2 ]
    grep -q 'the pipeline has ended' err
}
