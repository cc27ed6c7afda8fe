# --update: FILE is brought up to date with its input, to the bytes of a run from the start, and what has not changed is
# not computed again. The models are the tiny ones of tests/goldens/encode.

bats_require_minimum_version 1.5.0

setup_file() {
    export D=$BATS_FILE_TMPDIR/d
    make=$PWD/tests/bats/media.py
    mkdir -p "$D/t/a" "$D/t/b" && cd "$D" || return 1
    for i in 1 2 3 4 5; do python3 "$make" png t/a/$i.png $i 30 24; done
    for i in 1 2 3; do python3 "$make" wav t/b/$i.wav 0.$((i + 2)) 16000; done
    mm-decode t -o old.mm
    python3 "$make" png t/a/2.png 77 30 24
    python3 "$make" png t/a/6.png 6 30 24
    python3 "$make" wav t/b/4.wav 0.45 16000
    rm t/a/4.png t/b/1.wav
    mm-decode t/b t/a -o new.mm
    mm-decode --label dir t/b t/a -o labelled.mm
}

setup() {
    cd "$D" || return 1
    tmp=$BATS_TEST_TMPDIR
    E=$BATS_TEST_DIRNAME/../goldens/encode
    vit=(mm-encode-image -m "$E/vit") wav=(mm-encode-audio -m "$E/wav2vec2")
}

# brought OLD NEW KEPT COMPUTED COMMAND...: the result of OLD, updated with NEW, is that of NEW
brought() {
    old=$1 new=$2 kept=$3 computed=$4 && shift 4
    "$@" "$old" -o "$tmp/f" && "$@" "$new" -o "$tmp/want"
    "$@" -v --update -o "$tmp/f" "$new" 2>"$tmp/err"
    cmp "$tmp/f" "$tmp/want" && [ ! -e "$tmp/f.part" ]
    grep -q "$kept inputs are as they were, $computed were computed" "$tmp/err" || { cat "$tmp/err"; return 1; }
}

@test "changed, new and vanished inputs in another order" {
    brought old.mm new.mm 3 2 "${vit[@]}"
    brought old.mm old.mm 5 0 "${vit[@]}"
    brought old.mm new.mm 3 2 "${vit[@]}" --keep --batch 2
    brought old.mm new.mm 2 1 "${wav[@]}" --window 0.2
    brought old.mm new.mm 2 1 "${wav[@]}" --window 0.2 --whole --pool mean
}

@test "labels and keys are those of the input now" {
    brought new.mm labelled.mm 5 0 "${vit[@]}"
    brought labelled.mm new.mm 5 0 "${vit[@]}"
    mm-cat -J "$tmp/f" | jq -e -s 'all(.label == null)'
}

@test "another model, other options and failures are computed again" {
    "${wav[@]}" -o "$tmp/f" new.mm
    "${wav[@]}" --window 0.2 -o "$tmp/want" new.mm
    "${wav[@]}" --window 0.2 --update -v -o "$tmp/f" new.mm 2>&1 | grep '0 inputs are as they were, 3 were computed'
    cmp "$tmp/f" "$tmp/want"
    "${vit[@]}" -o "$tmp/i" new.mm
    mm-encode-image -m "$E/deit" --update -v -o "$tmp/i" new.mm 2>&1 | grep '0 inputs are as they were, 5 were computed'
    mm-encode-image -m "$E/deit" new.mm | cmp - "$tmp/i"
}

@test "an update that is interrupted is resumed" {
    "${vit[@]}" -o "$tmp/f" old.mm && "${vit[@]}" -o "$tmp/want" new.mm
    cp "$tmp/f" "$tmp/old"
    size=$(stat -c %s "$tmp/want")
    for cut in 0 $((size / 3)) $((size * 2 / 3)) $((size - 1)); do
        cp "$tmp/old" "$tmp/f" && head -c $cut "$tmp/want" >"$tmp/f.part"
        "${vit[@]}" --update --resume -o "$tmp/f" new.mm
        cmp "$tmp/f" "$tmp/want"
    done
}

@test "what cannot be updated: no FILE yet, standard output, a file of something else" {
    "${vit[@]}" --update -o "$tmp/new" new.mm
    "${vit[@]}" new.mm | cmp - "$tmp/new"
    run -2 "${vit[@]}" --update new.mm
    [[ "$output" == *"--update needs -o FILE"* ]]
    run -2 "${vit[@]}" --update -o /dev/null new.mm
    [[ "$output" == *"/dev/null: not a regular file: --update cannot go on from it"* ]]
    echo hello >"$tmp/text"
    run -2 "${vit[@]}" --update -o "$tmp/text" new.mm
    [ "$(cat "$tmp/text")" = hello ]
}
