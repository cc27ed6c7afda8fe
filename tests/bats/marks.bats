# Marks, --flush and file records through encoders, mm-label, mm-cat, mm-train and mm-eval (mm-stream(5)). A client of
# its own process (marks.py) writes up to a mark and waits for the answer while the input stays open.

bats_require_minimum_version 1.5.0

setup_file() {
    export D=$BATS_FILE_TMPDIR/d L=$PWD/tests/goldens/label python=${MM_PYTHON:-python3}
    make=$PWD/tests/bats/media.py
    mkdir -p "$D/t" && cd "$D" || return 1
    for i in 1 2 3 4 5; do echo "png t/$i.png $i $((20 + i)) 24"; done >jobs
    for i in 1 2 3; do echo "wav t/$i.wav 0.$((i + 1)) 16000"; done >>jobs
    python3 "$make" - <jobs
    for i in 1 2 3; do echo "text number $i" >t/$i.txt; done
    mm-decode t -o all.mm
    mm-label --knn "$L/examples.mm" --of image -f stream -n 2 -o labels.mm "$L/queries.mm"
    mm-train classify -q --method linear --epochs 20 -o head "$L/examples.mm"
}

setup() {
    "$python" -c 'import msgpack' 2>/dev/null || skip "needs Python's msgpack (set MM_PYTHON)"
    cd "$D" || return 1
    tmp=$BATS_TEST_TMPDIR
    E=$BATS_TEST_DIRNAME/../goldens/encode
}

marks() { "$python" "$BATS_TEST_DIRNAME/marks.py" "$@"; }
need_models() { [ "$(mm-model list 2>/dev/null | grep -cE '^(minilm-l6|imgfocus-vits14|whisper-base)\b')" -eq 3 ] || skip "needs the default models (make models)"; }

holds() { marks holds "$@"; }

@test "encoders answer at a mark, whatever the batch, and nothing else changes" {
    holds stream mm-encode-image -m "$E/vit" --batch 64 <all.mm
    holds stream mm-encode-image -m "$E/vit" --batch 2 --keep <all.mm
    holds stream mm-encode-audio -m "$E/wav2vec2" <all.mm
    holds stream mm-encode-image -m "$E/vit" --flush <all.mm
}

@test "encoders with the default models: the same" {
    need_models
    mm-cat -w 'key~^[12]$' all.mm >"$tmp/few"
    holds stream mm-encode-image -m imgfocus-vits14 <"$tmp/few"
    holds stream mm-encode-text -m minilm-l6 <"$tmp/few"
    holds stream mm-encode-audio -m whisper-base <"$tmp/few"
}

@test "mm-label answers at a mark in every mode and format" {
    mm-cat -w of=image "$L/queries.mm" >"$tmp/q"
    for how in "--knn $L/examples.mm" "--knn $L/examples.mm --by-key -k 2" "--against $L/labels.mm -n 2" "--knn $L/examples.mm --distance"; do
        # shellcheck disable=SC2086
        holds stream mm-label $how --of image -f stream <"$tmp/q"
    done
    holds tsv mm-label --knn "$L/examples.mm" <"$tmp/q"
    holds jsonl mm-label --against "$L/labels.mm" -f jsonl <"$tmp/q"
    holds tsv mm-label --knn "$L/examples.mm" -f hits --no-header <"$tmp/q"
    holds tsv mm-label -n 2 <labels.mm
    holds jsonl mm-label -f jsonl <labels.mm
    # an array has no place for marks
    marks insert 3 <"$tmp/q" >"$tmp/marked"
    mm-label --knn "$L/examples.mm" -f label-studio "$tmp/q" >"$tmp/want"
    mm-label --knn "$L/examples.mm" -f label-studio "$tmp/marked" | cmp - "$tmp/want"
}

@test "mm-label -m: a sample ends at a mark, and is answered there" {
    export KEYS=1
    for form in stream jsonl tsv; do
        holds $form mm-label -m head --of image -f $form <"$L/queries.mm"
    done
    # without marks or --flush it would end with the next key
    mm-cat -w of=image "$L/queries.mm" >"$tmp/q"
    marks insert 2 <"$tmp/q" | mm-label -m head --no-header | marks strip tsv >"$tmp/got"
    mm-label -m head --no-header "$tmp/q" | cmp - "$tmp/got"
}

@test "mm-cat answers at a mark in every format" {
    holds stream mm-cat <all.mm
    holds stream mm-cat --no-data <all.mm
    holds stream mm-cat -w kind=image -w part!=7 <all.mm
    holds jsonl mm-cat -J <all.mm
    holds tsv mm-cat -t <all.mm
    holds tsv mm-cat -t --no-header -f key,shape <all.mm
    holds summary mm-cat -s <all.mm
    KEYS=1 holds tsv mm-cat -k <all.mm
}

@test "mm-cat: marks are counted as a kind, not by --head, and are no row of an array" {
    marks insert 1 <all.mm >"$tmp/marked"
    n=$(mm-cat -J "$tmp/marked" | jq -s 'map(select(.kind == "mark")) | length')
    [ "$n" -gt 3 ]
    [ "$(mm-cat -c "$tmp/marked" | grep mark)" = $'mark\t'"$n" ]
    mm-cat --count-by key all.mm >"$tmp/want"
    mm-cat --count-by key "$tmp/marked" | cmp - "$tmp/want"
    for k in 0 1 4; do
        mm-cat -N $k all.mm >"$tmp/want"
        mm-cat -N $k "$tmp/marked" | marks strip stream | cmp - "$tmp/want"
    done
    mm-cat -w of=image --npy "$tmp/want.npy" "$L/queries.mm"
    marks insert 1 <"$L/queries.mm" | mm-cat -w of=image --npy "$tmp/got.npy"
    cmp "$tmp/got.npy" "$tmp/want.npy"
    cmp "$tmp/got.tsv" "$tmp/want.tsv"
    # a sample ends at a mark
    { mm-cat -w key=1 all.mm; echo '{"kind": "mark", "key": "m"}' | python3 "$BATS_TEST_DIRNAME/records.py"; mm-cat -w key=1 all.mm; } |
        mm-cat -k >"$tmp/got"
    [ "$(cat "$tmp/got")" = $'1\n\n1' ]
}

@test "--flush answers each record" {
    mm-cat -w kind=image all.mm >"$tmp/images"
    mm-encode-image -m "$E/vit" "$tmp/images" >"$tmp/want"
    marks each stream mm-encode-image -m "$E/vit" --flush <"$tmp/images" | cmp - "$tmp/want"
    mm-cat -w of=image "$L/queries.mm" >"$tmp/q"
    mm-label --knn "$L/examples.mm" --no-header "$tmp/q" >"$tmp/want"
    marks each tsv mm-label --knn "$L/examples.mm" --no-header --flush <"$tmp/q" | cmp - "$tmp/want"
    mm-cat -w kind=label labels.mm >"$tmp/labels"
    mm-label --no-header "$tmp/labels" >"$tmp/want"
    marks each tsv mm-label --no-header --flush <"$tmp/labels" | cmp - "$tmp/want"
    for how in "" -J "-t --no-header" -s -k; do
        # shellcheck disable=SC2086
        mm-cat $how "$tmp/labels" >"$tmp/want"
        # shellcheck disable=SC2086
        marks each tsv mm-cat $how --flush <"$tmp/labels" | cmp - "$tmp/want"
    done
}

@test "--resume and --update with marks in the input" {
    marks insert 5 <all.mm >"$tmp/marked"
    mm-encode-image -m "$E/vit" -o "$tmp/whole" "$tmp/marked"
    for n in 0 100 500 2000 $(($(stat -c %s "$tmp/whole") - 1)); do
        head -c "$n" "$tmp/whole" >"$tmp/f.part"
        mm-encode-image -m "$E/vit" --resume -o "$tmp/f" "$tmp/marked"
        cmp "$tmp/f" "$tmp/whole"
    done
    # marks are those of the input, not of the file that is updated
    mm-encode-image -m "$E/vit" -o "$tmp/f" all.mm
    run --separate-stderr mm-encode-image -m "$E/vit" --update -o "$tmp/f" "$tmp/marked"
    [[ "$stderr" == *"5 kept, 0 computed"* ]]
    cmp "$tmp/f" "$tmp/whole"
    run --separate-stderr mm-encode-image -m "$E/vit" --update -o "$tmp/f" all.mm
    [[ "$stderr" == *"5 kept, 0 computed"* ]]
    marks strip stream <"$tmp/whole" | cmp - "$tmp/f"
}

@test "a data set is the same with marks: mm-train, mm-eval" {
    marks insert 6 <"$L/examples.mm" >"$tmp/marked"
    mm-train classify -q --method linear --epochs 20 -o "$tmp/head" "$tmp/marked"
    cmp "$tmp/head" head
    mm-label --knn "$L/examples.mm" --leave-one-out -f stream "$L/examples.mm" >"$tmp/p"
    mm-eval -f json "$tmp/p" >"$tmp/want"
    marks insert 7 <"$tmp/p" | mm-eval -f json | cmp - "$tmp/want"
    marks insert 8 <"$tmp/p" >"$tmp/truth"
    mm-eval -f json --compare "$tmp/truth" "$tmp/p" | grep -q .
}

@test "a file record passes byte for byte, and its size is shown, not its bytes" {
    "$python" -c '
import msgpack, sys
for key, data in ("a", bytes(5000)), ("b", b"\x00\xff"), ("empty", b""):
    sys.stdout.buffer.write(msgpack.packb({"mm": 1, "kind": "file", "key": key, "src": key + ".png", "data": data, "label": "cat"}))' >"$tmp/files"
    for tool in "mm-encode-image -m $E/vit" "mm-encode-audio -m $E/wav2vec2" "mm-label --knn $L/examples.mm -f stream --of image" mm-cat "mm-cat -w key=a -w label=cat"; do
        # shellcheck disable=SC2086
        cat "$tmp/files" "$L/queries.mm" | $tool -q | mm-cat -w kind=file >"$tmp/got"
        case $tool in *key=a*) mm-cat -w key=a "$tmp/files" ;; *) cat "$tmp/files" ;; esac | cmp - "$tmp/got"
    done
    [ "$(mm-cat -J -d "$tmp/files" | jq -c '[.data, .label]')" = $'[{"type":"bin","shape":[5000]},"cat"]\n[{"type":"bin","shape":[2]},"cat"]\n[{"type":"bin","shape":[0]},"cat"]' ]
    [ "$(mm-cat -t --no-header -f key,shape "$tmp/files")" = $'a\tbin[5000]\nb\tbin[2]\nempty\tbin[0]' ]
    mm-cat -s "$tmp/files" | grep -q 'bin\[5000\]'
    [ "$(mm-cat --no-data "$tmp/files" | mm-cat -t --no-header -f kind,shape | sort -u)" = $'file\tbin[0]' ]
}

@test "a client of the whole pipeline: files in, marks back in their places behind what came of the files" {
    "$python" -c '
import glob, msgpack, sys
for path in sorted(glob.glob("t/*.png") + glob.glob("t/*.wav")):
    sys.stdout.buffer.write(msgpack.packb({"mm": 1, "kind": "file", "key": path[2:-4], "src": path, "data": open(path, "rb").read()}))' >"$tmp/files"
    KEYS=1 holds jsonl sh -c "mm-decode --records | mm-encode-image -m '$E/vit' | mm-encode-audio -m '$E/wav2vec2' |
        mm-fuse --method concat | mm-cat -J" <"$tmp/files"
}

@test "a mark with data and a file without are broken records" {
    "$python" -c '
import msgpack, sys
for record in {"kind": "mark", "key": "m", "data": "x"}, {"kind": "file", "key": "f"}, {"kind": "file", "key": "g", "data": "x"}:
    sys.stdout.buffer.write(msgpack.packb({"mm": 1, **record}))' >"$tmp/bad"
    run -1 --separate-stderr mm-cat -t --no-header -f key,kind "$tmp/bad"
    [ "$output" = $'m\terror\nf\terror\ng\terror' ]
}
