#!/usr/bin/env bats
# The worked examples on a few files: from a directory to a report, again without work, and on after an interruption.
# Pictures and sounds go through the tiny random models of tests/goldens/encode; texts need an installed minilm-l6.
bats_require_minimum_version 1.5.0

setup_file() {
    mkdir "$BATS_FILE_TMPDIR/in" && cd "$BATS_FILE_TMPDIR/in"
    mkdir data images
    echo guid,label > labels.csv
    echo image,caption > captions.csv
    for i in $(seq 10 29); do
        echo "png data/$i.png $i $((20 + i)) 24"
        echo "$i,$([ $((i % 2)) = 0 ] && echo good || echo bad)" >> labels.csv
        printf '%s.png,a picture of %s\n%s.png,number %s\n' $i $i $i $i >> captions.csv
    done | python3 "$BATS_TEST_DIRNAME/media.py" -
    cp data/* images/
    seq -f 'wav data/%g.wav 0.3 16000' 10 3 29 | python3 "$BATS_TEST_DIRNAME/media.py" -
}

setup() {
    examples=$BATS_TEST_DIRNAME/../../examples E=$BATS_TEST_DIRNAME/../goldens/encode media=$BATS_TEST_DIRNAME/media.py
    cd "$BATS_TEST_TMPDIR"
    mkdir out
    cp -r "$BATS_FILE_TMPDIR/in" .
}

run_sentiment() {
    make -s -C "$examples/sentiment" -j2 DATA="$PWD/in" OUT="$PWD/out" MODALITIES="image audio" \
        IMAGE_MODEL="$E/vit" AUDIO_MODEL="$E/wav2vec2" "$@"
}
need_text() { mm-model list 2>/dev/null | grep -q minilm-l6 || skip "needs minilm-l6 (make models)"; }

@test "sentiment: a report for all and for each, made once" {
    run_sentiment > said
    grep -q '^accuracy' said
    [ -s out/report.json ]
    [ -s out/report.svg ]
    [ -s out/report-audio.txt ]
    touch -r out/report.json before
    run_sentiment > /dev/null
    [ ! out/report.json -nt before ]
    mm-fuse -m out/head.safetensors --label out/test-image.mm out/test-audio.mm | mm-cat -c | grep -q 'label'
}

@test "sentiment: an interrupted encoding resumes from its .part" {
    run_sentiment "$PWD/out/image.mm"
    cp out/image.mm whole.mm
    head -c $(($(stat -c %s whole.mm) / 2)) whole.mm > out/image.mm.part
    rm out/image.mm
    run_sentiment "$PWD/out/image.mm"
    cmp out/image.mm whole.mm
}

@test "sounds: a classifier tested on speakers who did not train" {
    mkdir digits
    echo file,digit > digits.csv
    for speaker in george jackson lucas theo; do
        for take in 0 1 2; do
            for digit in 0 1; do
                echo wav digits/${digit}_${speaker}_$take.wav 0.2 16000
                echo ${digit}_${speaker}_$take.wav,$digit >> digits.csv
            done
        done
    done | python3 "$media" -
    make -s -C "$examples/sounds" MEDIA="$PWD/digits" LABELS="$PWD/digits.csv" OUT="$PWD/out" AUDIO_MODEL="$E/wav2vec2" \
        FEATURES= > said
    grep -q '^accuracy' said
    [ "$(mm-cat --keys out/test.mm | grep -c george)" = 6 ]
    [ "$(mm-cat --keys out/test.mm | wc -l)" = 6 ]
    ! mm-cat --keys out/train.mm | grep -q george || false
    [ -s out/report.svg ]
}

@test "image-text and zero-shot: projection heads, a report, a search, labels" {
    need_text
    with=(-s IMAGES="$PWD/in/images" IMAGE_MODEL="$E/vit" FEATURES="--pool mean" OUT="$PWD/out")
    make -C "$examples/image-text" "${with[@]}" CAPTIONS="$PWD/in/captions.csv" TRAIN="--epochs 2 --hidden 8" > said
    grep -q 'R@10' said
    # the data are remembered; nothing in a variable is shell
    make -s -C "$examples/image-text" OUT="$PWD/out" search QUERY="a dog's \"toy\"; touch trap" | grep -q "dog's"
    [ ! -e trap ]
    [ ! -e "$examples/image-text/trap" ]
    make -C "$examples/image-text" "${with[@]}" CAPTIONS="$PWD/in/captions.csv" TRAIN="--epochs 2 --hidden 8" \
        search QUERY='number 12' | grep -qE '\s[12][0-9]\s'
    sed 's/^guid/file/; s/^\([0-9]*\),/\1.png,/' in/labels.csv > in/images/labels.csv
    make -C "$examples/zero-shot" "${with[@]}" LABELS="$PWD/in/images/labels.csv" OUT="$PWD/zero" \
        HEADS="$PWD/out/heads.safetensors" | grep -q '^accuracy'
    [ "$(wc -l < zero/labels.tsv)" = 21 ]
    rm zero/names.mm
    make -C "$examples/zero-shot" "${with[@]}" LABELS="$PWD/in/images/labels.csv" OUT="$PWD/zero" \
        HEADS="$PWD/out/heads.safetensors" PROMPT="it's a {}" | grep -q '^accuracy'
    cut -f6 zero/labels.tsv | sed 1d | sort -u | grep -qE 'good|bad'
}
