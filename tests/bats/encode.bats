# mm-encode-image, mm-encode-text, mm-encode-audio as filters: options, order, refusals. The models are tiny random ones
# of tests/goldens/encode, whose numbers the unit tests compare with the reference; texts need an installed minilm-l6.

bats_require_minimum_version 1.5.0

setup_file() {
    export D=$BATS_FILE_TMPDIR/d
    make=$PWD/tests/bats/media.py
    mkdir -p "$D/t/x" && cd "$D" || return 1
    for i in 1 2 3 4 5 6 7; do python3 "$make" png t/$i.png $i $((20 + i)) 24; done
    for i in 1 2 3; do python3 "$make" wav t/$i.wav 0.$((i + 2)) 16000; done
    printf 'a cat' >t/1.txt
    mm-decode t -o all.mm
}

setup() {
    cd "$D" || return 1
    tmp=$BATS_TEST_TMPDIR
    E=$BATS_TEST_DIRNAME/../goldens/encode
    vit=$E/vit wav=$E/wav2vec2
}

need_text() { mm-model list 2>/dev/null | grep -q minilm-l6 || skip "needs minilm-l6 (make models)"; }
shapes() { mm-cat -q -J | jq -c 'select(.kind == "feature") | .data.shape' | sort -u; }

@test "a tool replaces its kind in its place and passes all else, byte for byte" {
    mm-encode-image -m "$vit" all.mm >"$tmp/i.mm"
    [ "$(mm-cat -k "$tmp/i.mm")" = "$(mm-cat -k all.mm)" ]
    [ "$(mm-cat -J "$tmp/i.mm" | jq -r .kind)" = "$(mm-cat -J all.mm | jq -r .kind | sed s/image/feature/)" ]
    mm-cat --where kind!=image all.mm >"$tmp/others"
    mm-cat --where kind!=feature "$tmp/i.mm" | cmp - "$tmp/others"
    mm-encode-image -m "$vit" "$tmp/others" | cmp - "$tmp/others"
    mm-encode-audio -m "$wav" "$tmp/i.mm" | mm-cat -J | jq -e -s '[.[] | select(.kind == "feature") | .of] | (map(select(. == "image")) | length) == 7 and (map(select(. == "audio")) | length) == 3'
}

@test "the name that a medium goes by becomes the feature's; its kind says who encodes it" {
    mm-decode --of mic t/1.wav t/2.wav | mm-cat -w of=mic -c | grep -Fx $'audio\t2'
    mm-decode --of mic t/1.wav | mm-cat --summary | grep "of mic"
    { mm-decode --of camera1 t/1.png; mm-decode --of mic t/1.wav; mm-decode t/2.png; } |
        mm-encode-image -m "$vit" | mm-encode-audio -m "$wav" >"$tmp/f"
    [ "$(mm-cat -J "$tmp/f" | jq -r '.kind + " " + .of + " " + (.meta.kind // "-")')" = $'feature camera1 image\nfeature mic audio\nfeature image -' ]
    [ "$(mm-cat --count-by of -w of=mic "$tmp/f")" = $'mic\t1' ]
    mm-decode --of camera1 t/1.png | mm-encode-image -m "$vit" --classify | mm-cat -J | jq -e '.of == "camera1"'
}

@test "two sounds of one key are two modalities of one sample when they go by two names" {
    mkdir -p mic shake && cp t/[12].wav mic && cp t/2.wav shake/1.wav && cp t/3.wav shake/2.wav
    for of in mic shake; do mm-decode --of $of $of | mm-encode-audio -m "$wav" -o "$tmp/$of.mm"; done
    width=$(mm-cat -J "$tmp/mic.mm" | jq -s '.[0].data.shape[-1]')
    mm-fuse --method concat "$tmp/mic.mm" "$tmp/shake.mm" >"$tmp/both"
    mm-cat -J "$tmp/both" | jq -e -s --argjson w "$width" 'map(.key) == ["1", "2"] and all(.of == "mic+shake" and .data.shape == [2 * $w])'
    mm-fuse --method concat --of shake "$tmp/mic.mm" "$tmp/shake.mm" | mm-cat -J | jq -e -s --argjson w "$width" 'all(.data.shape == [$w])'
}

@test "windows of a sound are regions for Label Studio, whatever the sound is called" {
    mm-decode --of mic --window 0.2 t/3.wav | mm-encode-audio -m "$wav" -o "$tmp/w.mm"
    mm-label --knn "$tmp/w.mm" --by-key -f label-studio "$tmp/w.mm" >"$tmp/studio"
    jq -e '.[0].data.mic == "t/3.wav" and .[0].predictions[0].result[0].type == "labels"' "$tmp/studio"
}

@test "a text that was kept names its vector, whatever the text is called" {
    need_text
    printf 'a cat\n' | mm-decode --of caption --lines - | mm-encode-text -m minilm-l6 --keep -o "$tmp/kept.mm"
    mm-label --against "$tmp/kept.mm" --of caption "$tmp/kept.mm" | grep "a cat"
}

@test "kinds that are not known pass unchanged" {
    printf '\x83\xa2mm\x01\xa4kind\xa5smell\xa1x\xc0' >"$tmp/odd"
    cat "$tmp/odd" all.mm "$tmp/odd" | mm-encode-image -m "$vit" >"$tmp/o"
    head -c "$(stat -c %s "$tmp/odd")" "$tmp/o" | cmp - "$tmp/odd"
    tail -c "$(stat -c %s "$tmp/odd")" "$tmp/o" | cmp - "$tmp/odd"
}

@test "results do not depend on --batch, -j, order or neighbours" {
    mm-encode-image -m "$vit" --batch 1 -j1 all.mm >"$tmp/want"
    for how in "--batch 2 -j2" "--batch 64 -j3" "--batch 3 -j1 --flush"; do
        mm-encode-image -m "$vit" $how all.mm | cmp - "$tmp/want"
    done
    mm-cat --where key=5 all.mm | mm-encode-image -m "$vit" >"$tmp/alone"
    mm-cat --where key=5 "$tmp/want" | cmp - "$tmp/alone"
    mm-encode-audio -m "$wav" --batch 1 all.mm >"$tmp/want"
    mm-encode-audio -m "$wav" --batch 8 all.mm | cmp - "$tmp/want"
}

@test "--pool and --layer: widths add up, positions keep their grid" {
    [ "$(mm-encode-image -m "$vit" all.mm | shapes)" = "[16]" ]
    [ "$(mm-encode-image -m "$vit" --pool cls+mean all.mm | shapes)" = "[32]" ]
    [ "$(mm-encode-image -m "$vit" --layer 1,2 --pool mean all.mm | shapes)" = "[32]" ]
    mm-encode-image -m "$vit" --pool none all.mm | mm-cat -J | jq -e -s '[.[] | select(.kind == "feature")] | all((.data.shape | length) == 2 and .grid != null)'
    a=$(mm-encode-image -m "$vit" all.mm | mm-cat -J | jq -r 'select(.kind=="feature").space' | sort -u)
    b=$(mm-encode-image -m "$vit" --pool mean --layer 1 all.mm | mm-cat -J | jq -r 'select(.kind=="feature").space' | sort -u)
    [ "$(wc -l <<<"$a")" -eq 1 ]
    [ "$a" != "$b" ]
    for bad in "--pool max" "--layer x" "--layer 99" "--batch 0"; do
        run mm-encode-image -m "$vit" $bad all.mm
        [ "$status" -eq 2 ] || { echo "$bad: $status"; false; }
    done
}

@test "--normalize makes unit vectors" {
    mm-encode-image -m "$vit" --normalize all.mm | mm-cat -J --data |
        jq -e -s '[.[] | select(.kind == "feature") | .data.values | map(. * .) | add | . - 1 | fabs] | max < 1e-5'
}

@test "an image of 16 bits or of floats has the vector of its 8-bit twin" {
    twins() { # TYPE EXPRESSION: all.mm with the images' samples v as EXPRESSION
        python3 - "$@" <<'END'
import sys, struct
data = open("all.mm", "rb").read()
kind, how = sys.argv[1], eval("lambda v: " + sys.argv[2])
out, at, mark = b"", 0, b"\xc4\x04type\xa3|u1\xc4\x04kind\xc4\x00\xc4\x05shape"
while (i := data.find(mark, at)) >= 0:
    j = data.index(b"\xc4\x04data\xc5", i) + 6
    n = struct.unpack(">H", data[j + 1 : j + 3])[0]
    v = [how(x) for x in data[j + 3 : j + 3 + n]]
    wide = struct.pack(f"<{n}{'H' if kind == '<u2' else 'f'}", *v)
    out += data[at:i] + data[i:j].replace(b"|u1", kind.encode(), 1) + b"\xc6" + struct.pack(">I", len(wide)) + wide
    at = j + 3 + n
sys.stdout.buffer.write(out + data[at:])
END
    }
    vectors() { mm-encode-image -m "$vit" "$@" | mm-cat -J -d | jq -c 'del(.meta.input)'; } # all but what they were made of
    vectors all.mm >"$tmp/want"
    twins '<u2' 'v * 257' | vectors | cmp - "$tmp/want"
    twins '<u2' 'v * 256 + 255' | vectors | cmp - "$tmp/want"
    twins '<f4' 'v / 255' | vectors | cmp - "$tmp/want"
    # beyond 0 to 1 the range is not known
    for how in 'v' '-v / 255' 'v - 1e9' 'v / 0.5'; do
        twins '<f4' "$how" | mm-encode-image -q -m "$vit" -o "$tmp/o" && false
        [ "$(mm-cat -J --where kind=error "$tmp/o" | grep -c -- "--range")" -eq 7 ]
        rm "$tmp/o"
    done
    ! twins '<f4' 'float("nan")' | mm-encode-image -q -m "$vit" -o "$tmp/o" || false
    [ "$(mm-cat -J --where kind=error "$tmp/o" | grep -c "not a number")" -eq 7 ]
}

@test "--keep leaves the source before its feature" {
    mm-encode-image -m "$vit" --keep all.mm >"$tmp/o"
    [ "$(mm-cat -c "$tmp/o" | sort | tr '\n\t' ' =')" = "audio=3 feature=7 image=7 text=1 " ]
    mm-cat --where kind!=feature "$tmp/o" | cmp - all.mm
}

@test "--classify: the model's own classes as label records" {
    mm-encode-image -m "$vit" --classify -n 2 all.mm >"$tmp/o"
    mm-cat -J --where kind=label "$tmp/o" | jq -e -s 'length == 7 and all(.label | length == 2)'
    [ "$(mm-label --no-header "$tmp/o" | wc -l)" -eq 7 ]
    run mm-encode-image -m "$E/vit_bare" --classify all.mm
    [ "$status" -eq 2 ]
}

@test "prepared by mm-decode -m: the same vectors; for another model: refused, an error record, exit 1" {
    mm-encode-image -m "$vit" all.mm | mm-cat --where kind=feature >"$tmp/want"
    mm-decode -m "$vit" --only image t | mm-encode-image -m "$vit" | mm-cat --where kind=feature -J --data | jq -c .data.values >"$tmp/got"
    mm-cat -J --data "$tmp/want" | jq -c .data.values | cmp - "$tmp/got"
    mm-decode -m "$E/deit" --only image t/1.png >"$tmp/deit.mm"
    mm-decode -m "$vit" --only image t/1.png >"$tmp/vit.mm"
    if [ "$(mm-cat -J "$tmp/deit.mm" | jq .prep)" = "$(mm-cat -J "$tmp/vit.mm" | jq .prep)" ]; then
        cp -r "$vit" "$tmp/other" && printf '{"do_resize":true,"size":{"height":8,"width":8},"do_normalize":false}' >"$tmp/other/preprocessor_config.json"
        mm-decode -m "$tmp/other" --only image t/1.png >"$tmp/deit.mm"
    fi
    run mm-encode-image -m "$vit" -o "$tmp/o" "$tmp/deit.mm"
    [ "$status" -eq 1 ]
    [[ "$output" == *"prepared for another model"*"mm-decode -m"* ]]
    [ "$(mm-cat -q -c "$tmp/o")" = $'error\t1' ]
}

@test "sound at another rate is refused with the option that helps" {
    mm-decode --rate 8000 t/1.wav >"$tmp/slow.mm"
    run mm-encode-audio -m "$wav" -o "$tmp/o" "$tmp/slow.mm"
    [ "$status" -eq 1 ]
    [[ "$output" == *"mm-decode --rate 16000"* ]]
    mm-cat -q -J "$tmp/o" | jq -e '.kind == "error" and .error.stage == "encode-audio"'
}

@test "sound with a sample that is not finite is an error that says which" {
    python3 "$BATS_TEST_DIRNAME/media.py" levels "$tmp/level.wav" 16000 0.5
    mm-decode "$tmp/level.wav" >"$tmp/fine.mm"
    for bits in '\377\377\377\177' '\0\0\200\177'; do # a NaN with all bits of its payload; infinity
        python3 -c '
import sys
s = sys.stdin.buffer.read()
at = s.index(b"\0\0\0\x3f" * 8) + 4 * 3
sys.stdout.buffer.write(s[:at] + eval("b\"" + sys.argv[1] + "\"") + s[at + 4:])' "$bits" <"$tmp/fine.mm" >"$tmp/bad.mm"
        rm -f "$tmp/o"
        run mm-encode-audio -m "$wav" -o "$tmp/o" "$tmp/bad.mm"
        [ "$status" -eq 1 ]
        [[ "$output" == *"sample 3 is not a finite number"* ]]
        [ "$(mm-cat -q -c "$tmp/o")" = $'error\t1' ]
    done
}

@test "sound in windows, and whole" {
    mm-encode-audio -m "$wav" --window 0.2 all.mm >"$tmp/w"
    # 0.3, 0.4 and 0.5 seconds: 2, 2 and 3 windows
    mm-cat -J --where kind=feature "$tmp/w" | jq -e -s 'length == 7 and map(.part) == [0,1,0,1,0,1,2]'
    [ "$(mm-encode-audio -m "$wav" --window 0.2 --whole --pool mean all.mm | mm-cat --where kind=feature -c)" = $'feature\t3' ]
}

@test "interrupted and resumed: the same bytes" {
    mm-encode-image -m "$vit" --keep all.mm >"$tmp/want"
    size=$(stat -c %s "$tmp/want")
    for cut in 0 10 $((size / 3)) $((size * 2 / 3)) $((size - 1)) "$size"; do
        head -c "$cut" "$tmp/want" >"$tmp/out.part"
        rm -f "$tmp/out"
        mm-encode-image -m "$vit" --keep --resume -o "$tmp/out" all.mm
        cmp "$tmp/out" "$tmp/want" || { echo "cut at $cut"; false; }
    done
}

@test "broken streams: what came before is encoded, exit 1; error records pass" {
    size=$(stat -c %s all.mm)
    head -c $((size - 5)) all.mm >"$tmp/cut"
    run mm-encode-image -m "$vit" -o "$tmp/o" "$tmp/cut"
    [ "$status" -eq 1 ]
    mm-cat -q -J "$tmp/o" | jq -e -s '([.[] | select(.kind == "feature")] | length) >= 6 and .[-1].kind == "error"'
    head -c 100 /dev/urandom >"$tmp/noise"
    run mm-encode-image -m "$vit" "$tmp/noise" -o "$tmp/o2"
    [ "$status" -ne 0 ]
    mm-decode -q absent.png >"$tmp/e.mm" 2>/dev/null || true
    [ "$(mm-encode-image -q -m "$vit" "$tmp/e.mm" | mm-cat -q -c)" = $'error\t1' ]
}

@test "an input without anything for the tool: one line says so, and all passes" {
    mm-cat --where kind=audio all.mm >"$tmp/sounds"
    run --separate-stderr bash -c "mm-encode-image -m '$vit' '$tmp/sounds' | cmp - '$tmp/sounds'"
    [ "$status" -eq 0 ]
    [ "$stderr" = "mm-encode-image: the input holds no image record: everything was passed on as it is" ]
    run --separate-stderr bash -c "mm-encode-image -m '$vit' all.mm >'$tmp/x'; mm-encode-image -m '$vit' </dev/null"
    [ -z "$stderr" ]
}

@test "no model, no such model, one of another modality: exit 2 and what helps" {
    run mm-encode-image all.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"mm-model list"* ]]
    run mm-encode-image -m nothing-here all.mm
    [ "$status" -eq 2 ]
    run mm-encode-image -m "$wav" all.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"wav2vec2 encodes audio, not image: mm-encode-audio takes it"* ]]
    run mm-encode-text -m "$vit" all.mm
    [ "$status" -eq 2 ]
}

# a copy of minilm-l6 with prompts; $1: "include_prompt" of its pooling
with_prompts() {
    path=$(mm-model --json info minilm-l6 | jq -r .path)
    mkdir "$tmp/p" && cp -rs "$path"/. "$tmp/p" && rm "$tmp/p/config_sentence_transformers.json" "$tmp/p/1_Pooling/config.json"
    jq --argjson i "$1" '. + {include_prompt: $i}' "$path/1_Pooling/config.json" >"$tmp/p/1_Pooling/config.json"
    echo '{"prompts": {"query": "query: ", "document": "Represent the passage: "}, "default_prompt_name": "query"}' \
        >"$tmp/p/config_sentence_transformers.json"
}

# the largest difference of standard input's vectors from slab $1 of what sentence-transformers makes of the same texts
difference() {
    mm-cat --npy "$tmp/got.npy"
    python3 -c 'import array, sys
got, want = ((lambda b: array.array("f", b[10 + int.from_bytes(b[8:10], "little"):]))(open(p, "rb").read()) for p in sys.argv[1:3])
want = want[int(sys.argv[3]) * len(got):][:len(got)]
print(len(want) == len(got) == 6 * 384 and max(abs(x - y) for x, y in zip(got, want)) < 2e-6)' \
        "$tmp/got.npy" "$BATS_TEST_DIRNAME/../goldens/sentences/prompts.npy" "$1"
}

@test "a model's prompts come first, and are left out of the mean, as sentence-transformers does both" {
    need_text
    # the last of the texts is empty
    jq -Rc '{text: .}' "$BATS_TEST_DIRNAME/../goldens/sentences/texts.txt" >"$tmp/t.jsonl"
    mm-decode --column text "$tmp/t.jsonl" -o "$tmp/t.mm"
    with_prompts true
    [ "$(mm-encode-text -q -m "$tmp/p" "$tmp/t.mm" | difference 0)" = True ]
    [ "$(mm-encode-text -q -m "$tmp/p" --batch 1 "$tmp/t.mm" | difference 0)" = True ]
    mm-encode-text -q -m "$tmp/p" --prompt '' "$tmp/t.mm" | mm-cat --npy "$tmp/a.npy"
    mm-encode-text -q -m minilm-l6 "$tmp/t.mm" | mm-cat --npy "$tmp/b.npy"
    cmp "$tmp/a.npy" "$tmp/b.npy"
    rm -r "$tmp/p" && with_prompts false
    [ "$(mm-encode-text -q -m "$tmp/p" "$tmp/t.mm" | difference 1)" = True ]
    [ "$(mm-encode-text -q -m "$tmp/p" --prompt-name document "$tmp/t.mm" | difference 2)" = True ]
    [ "$(mm-encode-text -q -m "$tmp/p" --prompt 'Represent the passage: ' "$tmp/t.mm" | difference 2)" = True ]
    # what is asked with one prompt is compared with what has another: one space
    [ "$(mm-encode-text -q -m "$tmp/p" "$tmp/t.mm" | mm-cat -J | jq -r .space | sort -u)" = \
        "$(mm-encode-text -q -m "$tmp/p" --prompt-name document "$tmp/t.mm" | mm-cat -J | jq -r .space | sort -u)" ]
    mm-model --json info "$tmp/p" | jq -e '.default_prompt == "query" and .prompts.document == "Represent the passage: "'
    run mm-encode-text -m "$tmp/p" --prompt-name nosuch "$tmp/t.mm"
    [ "$status" -eq 2 ]
    [[ "$output" == *"no prompt nosuch"*"there are: query, document"* ]]
    printf '{"prompts": {' >"$tmp/p/config_sentence_transformers.json"
    run mm-encode-text -m "$tmp/p" "$tmp/t.mm"
    [ "$status" -eq 2 ]
    [[ "$output" == *config_sentence_transformers.json* ]]
    run mm-encode-text -m "$tmp/p" --prompt-name query --prompt x "$tmp/t.mm"
    [ "$status" -eq 2 ]
}

@test "texts: prompt, long ones, chunks, what stays of the text" {
    need_text
    printf 'a cat\na photo of a cat\n' | mm-decode --lines - >"$tmp/t.mm"
    values() { mm-cat -J --data | jq -c .data.values; }
    [ "$(mm-encode-text -m minilm-l6 --prompt 'a photo of {}' "$tmp/t.mm" | values | head -n1)" = "$(mm-encode-text -m minilm-l6 "$tmp/t.mm" | values | tail -n1)" ]
    [ "$(mm-encode-text -m minilm-l6 --prompt 'a photo of ' "$tmp/t.mm" | values | head -n1)" = "$(mm-encode-text -m minilm-l6 "$tmp/t.mm" | values | tail -n1)" ]
    mm-encode-text -m minilm-l6 "$tmp/t.mm" | mm-cat -J | jq -e -s '.[0].meta.text == "a cat"'
    for i in $(seq 900); do printf 'word%d ' $i; done >"$tmp/long.txt"
    mm-decode "$tmp/long.txt" >"$tmp/long.mm"
    run mm-encode-text -m minilm-l6 -o "$tmp/cut" "$tmp/long.mm"
    [ "$status" -eq 0 ]
    [[ "$output" == *"--chunk"* ]]
    mm-cat -J "$tmp/cut" | jq -e '.meta.truncated > 900'
    mm-encode-text -m minilm-l6 --chunk "$tmp/long.mm" | mm-cat -J | jq -e -s 'length > 2 and map(.part) == [range(length)] and all(.meta.truncated == null)'
}
