# --update: FILE is brought up to date with its input, to the bytes of a run from the start, and what has not changed is
# neither computed nor decoded again. The models are the tiny ones of tests/goldens/encode.

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
    "$@" --update -o "$tmp/f" "$new" 2>"$tmp/err"
    cmp "$tmp/f" "$tmp/want" && [ ! -e "$tmp/f.part" ]
    grep -q "f: $kept kept, $computed computed$" "$tmp/err" || { cat "$tmp/err"; return 1; }
}

@test "changed, new and vanished inputs in another order" {
    brought old.mm new.mm 3 2 "${vit[@]}"
    brought old.mm old.mm 5 0 "${vit[@]}"
    brought old.mm new.mm 3 2 "${vit[@]}" --keep --batch 2
    brought old.mm new.mm 2 1 "${wav[@]}" --window 0.2
    brought old.mm new.mm 2 1 "${wav[@]}" --window 0.2 --whole --pool mean
}

@test "a model that prepares its inputs otherwise computes them again, though its weights are the same" {
    cp -r "$E/vit" "$tmp/m"
    mm-encode-image -q -m "$tmp/m" old.mm -o "$tmp/f"
    printf '{"image_mean": [0.1, 0.2, 0.3], "image_std": [1, 1, 1]}\n' >"$tmp/m/preprocessor_config.json"
    mm-encode-image -q -m "$tmp/m" old.mm -o "$tmp/want"
    ! cmp -s "$tmp/f" "$tmp/want" || false
    mm-encode-image -m "$tmp/m" --update -o "$tmp/f" old.mm 2>"$tmp/err"
    cmp "$tmp/f" "$tmp/want"
    grep -q "f: 0 kept, 5 computed$" "$tmp/err"
}

@test "labels and keys are those of the input now" {
    brought new.mm labelled.mm 5 0 "${vit[@]}"
    brought labelled.mm new.mm 5 0 "${vit[@]}"
    mm-cat -J "$tmp/f" | jq -e -s 'all(.label == null)'
}

@test "another model, other options and failures are computed again" {
    "${wav[@]}" -o "$tmp/f" new.mm
    "${wav[@]}" --window 0.2 -o "$tmp/want" new.mm
    "${wav[@]}" --window 0.2 --update -o "$tmp/f" new.mm 2>&1 | grep 'f: 0 kept, 3 computed'
    cmp "$tmp/f" "$tmp/want"
    "${vit[@]}" -o "$tmp/i" new.mm
    mm-encode-image -m "$E/deit" --update -o "$tmp/i" new.mm 2>&1 | grep 'i: 0 kept, 5 computed'
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

# spared STATUS WORDS COMMAND...: the command fails with that status and says WORDS of $tmp/f, which stays as it was
spared() {
    want=$1 words=$2 && shift 2
    run -"$want" "$@"
    cmp "$tmp/f" "$tmp/old" || { echo "$*: $output"; return 1; }
    [[ "$output" == *"$tmp/f is kept as it was, because $words"* ]] || { echo "$*: $output"; return 1; }
}

@test "FILE stays as it was when the input holds nothing for the encoder" {
    "${vit[@]}" -o "$tmp/f" new.mm && cp "$tmp/f" "$tmp/old"
    mm-decode -q nosuch >"$tmp/typo" 2>/dev/null || true
    mm-cat -w kind=audio new.mm >"$tmp/sounds"
    up=("${vit[@]}" --update -o "$tmp/f")
    spared 2 "the input holds no record" "${up[@]}" /dev/null
    spared 2 "the input holds no record" "${wav[@]}" --update -o "$tmp/f" --files-from <(echo /dev/null)
    spared 2 "the input holds no image record" "${up[@]}" "$tmp/typo"
    spared 2 "the input holds no image record" "${up[@]}" --keep "$tmp/sounds"
    mm-decode -m "$E/dinov2" t/a -o "$tmp/other"
    spared 2 "no image record of the input could be encoded" "${up[@]}" "$tmp/other"
    [ ! -e "$tmp/f.part" ]
    spared 2 "the input broke off" "${up[@]}" nosuch.mm
    spared 2 "the input broke off" "${up[@]}" "$tmp"
    spared 2 "the input broke off" "${up[@]}" t/a/1.png
    [ ! -e "$tmp/f.part" ]
    # failures in an input that is whole are failures of the result
    run -1 "${up[@]}" "$tmp/typo" new.mm
    [[ "$output" == *"f: 5 kept, 0 computed" ]]
    "${vit[@]}" "$tmp/typo" new.mm | cmp - "$tmp/f"
}

@test "FILE stays as it was when the input breaks off, and what was computed is resumed" {
    "${vit[@]}" -o "$tmp/f" old.mm && cp "$tmp/f" "$tmp/old"
    "${vit[@]}" -o "$tmp/want" new.mm old.mm
    size=$(stat -c %s new.mm)
    for cut in 10 $((size / 2)) $((size - 20000)) $((size - 1)); do
        cp "$tmp/old" "$tmp/f"
        head -c $cut new.mm >"$tmp/cut"
        spared 2 "the input broke off" "${vit[@]}" --flush --update -o "$tmp/f" "$tmp/cut" old.mm
        rm -f "$tmp/f.part"
        spared 1 "something failed (--strict)" "${vit[@]}" --strict --update -o "$tmp/f" new.mm "$tmp/cut"
        rm -f "$tmp/f.part"
        spared 2 "the input broke off" bash -c '"${@:2}" <"$1"' - "$tmp/cut" "${vit[@]}" --update -o "$tmp/f"
        [ ! -e "$tmp/f.part" ] || resume=--resume
        "${vit[@]}" --update ${resume:-} -o "$tmp/f" new.mm old.mm
        cmp "$tmp/f" "$tmp/want"
    done
    [ -n "$resume" ]
}

@test "what an interrupted run made of an input that has changed is kept by --update" {
    "${vit[@]}" -o "$tmp/want" new.mm && "${vit[@]}" -o "$tmp/made" old.mm
    size=$(stat -c %s "$tmp/made")
    head -c $((size / 2)) "$tmp/made" >"$tmp/f.part"
    run -2 "${vit[@]}" --resume -o "$tmp/f" new.mm
    [[ "$output" == *"f.part"*"rename it to $tmp/f and give --update for --resume to keep what has not changed, or remove it"* ]]
    mv "$tmp/f.part" "$tmp/f"
    run -0 "${vit[@]}" --update -o "$tmp/f" new.mm
    [[ "$output" == *"f: "[1-3]" kept, "* ]]
    cmp "$tmp/f" "$tmp/want"
    # of an update, beside the FILE that was to be updated
    mm-encode-audio -q -m "$E/wav2vec2" -o "$tmp/f" new.mm
    head -c $((size / 2)) "$tmp/made" >"$tmp/f.part"
    run -2 "${vit[@]}" --update --resume -o "$tmp/f" new.mm
    [[ "$output" == *"append it to $tmp/f and leave out --resume to keep what has not changed, or remove it"* ]]
    cat "$tmp/f.part" >>"$tmp/f"
    run -0 "${vit[@]}" -q --update -o "$tmp/f" new.mm
    [[ "$output" != *kept* ]]
    cmp "$tmp/f" "$tmp/want"
}

@test "sources count as they were typed" {
    mm-decode t/a -o "$tmp/a.mm"
    mm-decode "$PWD/t/a" -o "$tmp/b.mm"
    "${vit[@]}" -o "$tmp/f" "$tmp/a.mm"
    run -0 "${vit[@]}" --update -o "$tmp/f" "$tmp/b.mm"
    [[ "$output" == *"f: 0 kept, 5 computed" ]]
}

# ---- mm-decode

# tree: files of every kind in p/, of yesterday's date
tree() {
    make=$BATS_TEST_DIRNAME/media.py
    cd "$tmp" && mkdir -p p/a p/b
    for i in 1 2 3 4; do python3 "$make" png p/a/$i.png $i 12 9; done
    python3 "$make" wav p/b/1.wav 1.5 8000
    for i in 1 2 3; do echo "text $i" >p/b/$i.txt; done
    echo "no medium" >p/README
    (cd p && tar cf shard.tar a/1.png b/1.wav b/1.txt && tar czf packed.tgz b && gzip -c b/2.txt >one.txt.gz)
    find p -type f -exec touch -d yesterday {} +
}

# fresh ARGUMENTS...: $tmp/want is the result of a run from the start
fresh() {
    rm -f "$tmp/want"
    mm-decode -q --update -o "$tmp/want" "$@" 2>/dev/null || [ $? -eq 1 ]
}

# again KEPT DECODED ARGUMENTS...: f, brought up to date, is the result of a run from the start
again() {
    kept=$1 decoded=$2 && shift 2
    fresh "$@"
    mm-decode --update -o "$tmp/f" "$@" 2>"$tmp/err" || [ $? -eq 1 ]
    cmp "$tmp/f" "$tmp/want" && [ ! -e "$tmp/f.part" ]
    grep -q "f: $kept kept, $decoded decoded$" "$tmp/err" || { cat "$tmp/err"; return 1; }
}

@test "mm-decode: files that were touched, changed, added, removed and renamed" {
    tree
    again 0 17 p # README gives nothing, and is looked at each time
    again 16 1 p
    touch p/a/2.png
    again 15 2 p
    python3 "$make" png p/a/3.png 77 12 9
    again 15 2 p
    python3 "$make" png p/a/5.png 5 12 9
    rm p/a/1.png
    again 15 2 p
    mv p/a/2.png p/a/0.png
    again 15 2 p
    again 16 1 -j 4 p
    rm p/packed.tgz
    again 12 1 -j 4 p
    again 0 4 p/a/*
}

@test "mm-decode: the result is that without --update, but for the stamps" {
    tree
    again 0 17 p
    mm-decode -q p | mm-cat -J >"$tmp/plain"
    mm-cat -J "$tmp/f" | jq -e -s 'all(.meta.source | test("^[0-9a-f]{16}$"))'
    mm-cat -J "$tmp/f" | jq -c -S 'del(.meta.source) | if .meta == {} then del(.meta) else . end' >"$tmp/got"
    jq -c -S 'if .meta == {} then del(.meta) else . end' "$tmp/plain" | cmp - "$tmp/got"
}

@test "mm-decode: size and time of change tell, to the nanosecond; what has not changed is not opened" {
    tree
    again 0 17 p
    cp "$tmp/f" "$tmp/before"
    for x in p/a/1.png p/b/1.wav p/shard.tar p/packed.tgz p/one.txt.gz; do
        cp -p $x "$tmp/date" && head -c "$(stat -c %s $x)" /dev/zero >$x && touch -r "$tmp/date" $x
    done
    mm-decode --update -o f p 2>&1 | grep ': 16 kept, 1 decoded'
    cmp f before
    touch p/a/1.png p/b/1.wav p/shard.tar p/packed.tgz p/one.txt.gz
    again 6 6 p
    mm-cat -J f | jq -e -s 'map(select(.kind == "error")) | length == 5'
    touch -d 2026-01-02T03:04:05.100000001 p/b/3.txt
    again 5 7 p
    touch -d 2026-01-02T03:04:05.100000000 p/b/3.txt
    again 5 7 p
}

@test "mm-decode: an archive that changed is read again, all of it; others are not" {
    tree
    again 0 17 p
    echo more >more.txt && tar rf p/shard.tar more.txt
    again 13 5 p
    rm p/packed.tgz
    again 13 1 p
    again 0 4 --key archive p/shard.tar
    again 4 0 --key archive p/shard.tar
}

@test "mm-decode: other options are not mixed up" {
    tree
    E=$BATS_TEST_DIRNAME/../goldens/encode
    again 0 17 p
    for o in '-m '"$E/vit" '--rate 8000' '--window 0.5' '--window 0.5 --hop 0.25' '--channel left' '--track 1' '--of mic' \
        '--lines' '--key file' '--pages all' '--background white' '--only image,audio' '--max-duration 1' '--meta' \
        '--label dir' '--max-bytes 7' '--max-pixels 20' '--as series' '--hidden' '--range 0,4095'; do
        fresh $o p
        cp "$tmp/f" "$tmp/g"
        mm-decode --update -o "$tmp/g" $o p 2>"$tmp/err" || [ $? -eq 1 ]
        cmp "$tmp/g" "$tmp/want" && grep -q ': 0 kept' "$tmp/err" || { echo "$o"; cat "$tmp/err"; return 1; }
    done
    again 16 1 p
    again 8 0 --root p p/b p/a # the same samples under the same names
    again 0 4 --root p/a p/a
}

@test "mm-decode: an error is decoded again, and so is what shares its file" {
    tree
    echo broken >p/a/7.png && touch -d yesterday p/a/7.png
    printf 'x' >cut && tar rf p/shard.tar cut --transform s/cut/cut.png/ && touch -d yesterday p/shard.tar
    again 0 19 p
    again 13 6 p
    run -1 mm-decode -q --update -o f p
    python3 "$make" png p/a/7.png 7 12 9 && touch -d yesterday p/a/7.png
    again 13 6 p
    again 14 5 p
}

@test "mm-decode: sources that come twice, and keys that clash" {
    tree
    again 0 4 p/b/1.txt p/b/1.txt p/b/2.txt p/b/1.txt
    again 4 0 p/b/1.txt p/b/1.txt p/b/2.txt p/b/1.txt
    again 1 0 p/b/1.txt
    mkdir p/e && mv p/README p/e # which gives nothing
    again 1 2 p/b/1.txt p/e p/b/1.txt
    again 2 1 p/b/1.txt p/e p/b/1.txt
    again 0 34 p p
    again 32 2 -j 4 p p
    again 16 1 p
    python3 "$make" png p/a/1.bmp 9 12 9
    again 16 2 p # it comes first, and 1.png is the error now
    mm-cat -J f | jq -e -s 'map(select(.kind == "error")) | length == 1 and .[0].src == "p/a/1.png" and .[0].error.code == "clash"'
    again 16 2 -j 4 p
    rm p/a/1.bmp
    again 15 2 p
    tar cf z.tar p/a/1.png p/a/2.png
    again 0 2 z.tar
    again 2 1 z.tar p/a/2.png
    mm-cat -J f | jq -e -s '.[2].error.code == "clash" and .[2].src == "p/a/2.png"'
    again 2 1 z.tar p/a/2.png
}

@test "mm-decode: video with frames and sound, tables, arrays" {
    tree
    printf 'text,name,class\none,k1,x\ntwo,k2,y\n,k3,\n' >p/t.csv
    if command -v ffmpeg >/dev/null; then
        ffmpeg -nostdin -v error -f lavfi -i testsrc=d=0.5:r=10:s=32x24 -f lavfi -i sine=d=0.5 -c:v mpeg4 -c:a aac p/v.mp4
    fi
    n=$(ls p/v.mp4 2>/dev/null | wc -l)
    again 0 $((18 + n)) p
    again $((16 + n)) 2 p
    again 0 $((18 + n)) --fps 5 --window 0.2 p
    again $((16 + n)) 2 -j 4 --fps 5 --window 0.2 p
    again 0 1 --column text --key-column name --label-column class p/t.csv
    again 1 0 --column text --key-column name --label-column class p/t.csv
    printf 'a,b\n1,2\n3,4\n' >p/n.csv && (cd p && tar cf n.tar n.csv)
    again 0 2 --as feature --key archive p/n.csv p/n.tar
    again 2 0 --as feature --key archive p/n.csv p/n.tar
}

@test "mm-decode: labels are those of today's table, and of the files beside the media" {
    tree
    printf 'file,class\na/1.png,cat\na/2.png,dog\nb/1.wav,bark\nshard/b/1.txt,greeting\n' >l.csv
    again 0 17 --labels l.csv p
    again 16 1 --labels l.csv p
    sed -i s/dog/wolf/ l.csv # that file, the members of archives, nothing else
    again 7 10 --labels l.csv p
    mm-cat -J f | jq -e -s 'map(select(.src == "p/a/2.png"))[0].label == "wolf"'
    echo a/3.png,bird >>l.csv
    python3 "$make" png p/a/9.png 9 12 9
    again 7 11 --labels l.csv p
    again 17 1 -j 4 --labels l.csv p
    ! grep 'rows of l.csv that belong to none' err || false
    again 0 18 --lines --labels l.csv p
    sed -i s/bark/meow/ l.csv
    again 0 18 --lines --labels l.csv p
    for i in 1 2 3; do echo "class$i" >p/a/$i.cls; done
    (cd p && tar cf w.tar a/1.png a/1.cls)
    again 0 19 --label cls p
    again 17 2 --label cls p # what came out of a compressed file may have had its label from outside
    echo other >p/a/2.cls
    again 16 3 --label cls p
    mm-cat -J f | jq -e -s 'map(select(.src == "p/a/2.png"))[0].label == "other"'
    echo new >p/one.cls
    again 17 2 --label cls p
    mm-cat -J f | jq -e -s 'map(select(.src == "p/one.txt.gz"))[0].label == "new"'
}

@test "mm-decode: standard input and pipes are decoded again" {
    tree
    again 0 1 p/b/1.txt
    mm-decode -q --update -o f - <p/shard.tar
    cp f want
    mm-decode --update -o f - <p/shard.tar 2>&1 | grep ': 0 kept, 3 decoded'
    cmp f want
    mm-decode --update -o f <(cat p/b/1.txt) p/b/2.txt 2>&1 | grep ': 0 kept, 2 decoded'
    mm-decode --update -o f <(cat p/b/1.txt) p/b/2.txt 2>&1 | grep ': 1 kept, 1 decoded'
    mm-cat -J f | jq -e -s '(.[0].meta.source == null) and (.[1].meta.source != null)'
}

@test "mm-decode: an update that was interrupted is resumed" {
    tree
    fresh p && cp want old
    touch p/a/1.png && rm p/a/2.png && echo new >p/b/9.txt
    fresh p
    size=$(stat -c %s want)
    for cut in 0 1 $(seq 997 4001 "$size") $((size - 1)) "$size"; do
        cp old f && head -c $cut want >f.part
        mm-decode -q -j 2 --update --resume -o f p
        cmp f want
        [ ! -e f.part ]
    done
}

@test "mm-decode: FILE stays as it was when nothing of the input can be decoded" {
    tree
    again 0 17 p
    cp f before
    echo broken >p/broken.png
    for what in nosuch p/broken.png "nosuch p/broken.png"; do
        run -2 mm-decode --update -o f $what
        cmp f before
        [ ! -e f.part ]
        [[ "$output" == *"f is kept as it was, because nothing of the input could be decoded" ]]
    done
    run -1 mm-decode -q --update -o f nosuch p/b/1.txt
    [ "$(mm-cat -q -c f)" = $'error\t1\ntext\t1' ]
    run -1 mm-decode -q --update -o new nosuch
    [ -s new ]
}

@test "mm-decode: a FILE that was made without --update, was cut, or is none" {
    tree
    run -2 mm-decode --update p
    [[ "$output" == *"--update needs -o FILE"* ]]
    mm-decode -q -o f p
    fresh p
    mm-decode --update -o f p 2>&1 | grep 'f was made without --update, or of pipes alone: everything is decoded again'
    cmp f want
    size=$(stat -c %s want)
    for cut in 0 $((size / 3)) $((size / 2)) $((size - 1)); do
        head -c $cut want >f
        mm-decode -q --update -o f p
        cmp f want
    done
    mm-encode-image -m "$BATS_TEST_DIRNAME/../goldens/encode/vit" want -o f # vectors of them are no media
    mm-decode -q --update -o f p
    cmp f want
    echo hello >f
    run -2 mm-decode --update -o f p
    [ "$(cat f)" = hello ]
}
