# The main job: a directory of photos, sounds and texts through one pipeline into features and labels; memory that does
# not grow with the number of items.

bats_require_minimum_version 1.5.0

setup_file() {
    export D=$BATS_FILE_TMPDIR/d
    make=$PWD/tests/bats/media.py
    mkdir -p "$D/t" && cd "$D" || return 1
    for i in $(seq 6); do
        printf '%s\n' "png t/$i.png $((i % 3)) 40 30" "wav t/$i.wav 0.$((i % 3 + 3)) 16000"
        echo "the number $((i % 3))" >t/$i.txt
    done | python3 "$make" -
    printf 'file,class\n' >labels.csv
    for i in $(seq 6); do echo "$i,c$((i % 3))" >>labels.csv; done
}

setup() {
    cd "$D" || return 1
    tmp=$BATS_TEST_TMPDIR
    E=$BATS_TEST_DIRNAME/../goldens/encode
}

@test "photos and sounds: decode, encode, label by neighbours, judge" {
    mm-decode -m "$E/vit" --labels labels.csv --label-column class t |
        mm-encode-image -m "$E/vit" | mm-encode-audio -m "$E/wav2vec2" >"$tmp/f.mm"
    [ "$(mm-cat -c "$tmp/f.mm" | sort | tr '\n\t' ' =')" = "feature=12 text=6 " ]
    # equal files have equal vectors: each finds its like
    mm-label --knn "$tmp/f.mm" -k 1 --leave-one-out --of image -f jsonl "$tmp/f.mm" | jq -e -s 'length == 6 and all(.label == .truth)'
    mm-label --knn "$tmp/f.mm" -k 1 --leave-one-out --of image -f stream "$tmp/f.mm" | mm-eval --rounds 0 -f json | jq -e .
}

@test "the main job, with the default models" {
    for m in imgfocus-vits14 minilm-l6 whisper-base; do
        mm-model list 2>/dev/null | grep -q "$m" || skip "needs the default models (make models)"
    done
    mm-decode --labels labels.csv t | mm-encode-image -m imgfocus-vits14 | mm-encode-text -m minilm-l6 |
        mm-encode-audio -m whisper-base >"$tmp/features.mm"
    [ "$(mm-cat -c "$tmp/features.mm")" = $'feature\t18' ]
    mm-cat -J "$tmp/features.mm" | jq -e -s 'map(.of) | sort | unique == ["audio","image","text"]'
    for of in image text audio; do
        mm-label --knn "$tmp/features.mm" -k 1 --leave-one-out --of $of -f jsonl "$tmp/features.mm" | jq -e -s 'length == 6 and all(.label == .truth)'
    done
    # from an archive, in one go: the same vectors
    python3 "$BATS_TEST_DIRNAME/media.py" tarred t.tgz t w:gz
    mm-decode t.tgz | mm-encode-image -m imgfocus-vits14 | mm-cat --where of=image -J --data | jq -c '[.key, .data.values]' | sort >"$tmp/a"
    mm-cat --where of=image -J --data "$tmp/features.mm" | jq -c '[.key, .data.values]' | sort | cmp - "$tmp/a"
}

@test "what fails at one end is reported at the other" {
    mkdir -p bad && head -c 300 t/1.png >bad/half.png && cp t/2.png bad
    run bash -c "mm-decode -q bad 2>/dev/null | mm-encode-image -m '$E/vit' | mm-cat -t"
    [ "$status" -eq 1 ]
    [[ "$output" == *"half"*"error"* ]]
}

@test "a closed pipe ends all tools of a pipeline silently" {
    mm-decode t t t t 2>"$tmp/e1" | mm-encode-image -m "$E/vit" --flush 2>"$tmp/e2" | head -c 10 >/dev/null
    [ ! -s "$tmp/e1" ] && [ ! -s "$tmp/e2" ]
}

# $1: peak of 100 items, $2: of many
constant() { echo "few: $1 KiB, many: $2 KiB"; [ "$1" -gt 1000 ] && [ "$2" -lt $(($1 * 11 / 10 + 3000)) ]; }
# a BERT of 40 words
text_model() {
    cp -r "$E/bert" m
    cp "$E/../tokenizer/vocab_kept/tokenizer_config.json" m
    head -n 40 "$E/../tokenizer/vocab_kept/vocab.txt" >m/vocab.txt
}

@test "memory does not grow with the number of items" {
    [[ "$MM_BUILD" != *sanitize* ]] || skip "the sanitizers keep freed memory"
    cc -o peak "$BATS_TEST_DIRNAME/peak.c"
    python3 - <<'P'
import os
for folder, n in ("few", 100), ("many", 5000):
    os.mkdir(folder)
    for i in range(1, n + 1):
        open(f"{folder}/{i}.txt", "w").write(f"line {i}\n")
        os.link("t/1.png", f"{folder}/{i}.png")
for folder, n in ("fewsounds", 100), ("manysounds", 3000):
    os.mkdir(folder)
    for i in range(1, n + 1):
        os.link(f"t/{i % 6 + 1}.wav", f"{folder}/{i}.wav")
P
    constant "$(./peak mm-decode -j2 few)" "$(./peak mm-decode -j2 many)"
    mm-decode -j2 few >few.mm
    mm-decode -j2 many >many.mm
    constant "$(./peak mm-cat -J few.mm)" "$(./peak mm-cat -J many.mm)"
    constant "$(./peak mm-encode-image -j2 -m "$E/vit" few.mm)" "$(./peak mm-encode-image -j2 -m "$E/vit" many.mm)"
    text_model
    constant "$(./peak mm-encode-text -j2 -m m few.mm)" "$(./peak mm-encode-text -j2 -m m many.mm)"
    constant "$(./peak mm-decode -j2 fewsounds)" "$(./peak mm-decode -j2 manysounds)"
    mm-decode -j2 fewsounds >few.s
    mm-decode -j2 manysounds >many.s
    constant "$(./peak mm-encode-audio -j2 -m "$E/wav2vec2" few.s)" "$(./peak mm-encode-audio -j2 -m "$E/wav2vec2" many.s)"
    mm-encode-image -m "$E/vit" few.mm | mm-cat --where kind=feature >few.f
    mm-encode-image -m "$E/vit" many.mm | mm-cat --where kind=feature >many.f
    constant "$(./peak mm-fuse --method mean few.f)" "$(./peak mm-fuse --method mean many.f)"
    mm-decode --labels labels.csv --only image t -q | mm-encode-image -m "$E/vit" >refs.f
    constant "$(./peak mm-label -j2 --knn refs.f -k 1 few.f)" "$(./peak mm-label -j2 --knn refs.f -k 1 many.f)"
}

@test "error records count where a pipeline ends, an input without a record is an error there" {
    mm-decode -q "$tmp/nosuch" >"$tmp/e.mm" 2>/dev/null || true
    encoders=("mm-encode-image -m $E/vit" "mm-encode-audio -m $E/wav2vec2")
    ! mm-model list 2>/dev/null | grep -q minilm-l6 || encoders+=("mm-encode-text -m minilm-l6")
    for tool in "${encoders[@]}"; do
        run -1 $tool -q -o "$tmp/out.mm" "$tmp/e.mm"
        cmp "$tmp/out.mm" "$tmp/e.mm"
        run -1 bash -c '$1 -q "$2" >"$3"' - "$tool" "$tmp/e.mm" "$tmp/out.mm"
        bash -o pipefail -c '$1 -q "$2" | cat' - "$tool" "$tmp/e.mm" | cmp - "$tmp/e.mm"
        run -2 $tool -o "$tmp/out.mm" /dev/null
        [[ "$output" == *": the input holds no record" ]]
        cmp "$tmp/out.mm" "$tmp/e.mm"
        bash -o pipefail -c '$1 </dev/null | cat' - "$tool" 2>&1 | cmp - /dev/null
    done
    for tool in "mm-fuse --method concat" "mm-label -f stream" "mm-cat" "mm-train classify" "mm-eval"; do
        for operands in /dev/null "/dev/null /dev/null"; do
            run -2 $tool -o "$tmp/out.mm" $operands
            [[ "$output" == *": the input holds no record" ]] || { echo "$tool: $output"; false; }
            cmp "$tmp/out.mm" "$tmp/e.mm"
        done
    done
    [ "$(ls "$tmp")" = $'e.mm\nout.mm' ]
}
