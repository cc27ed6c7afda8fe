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

# A tiny MOSI and a tiny Emo-DB: four videos of four utterances, three numbers of each modality; recordings of four speakers.
call_data() {
    mkdir -p d/mosi d/emodb84/wav
    for v in a b c d; do for i in 1 2 3 4; do echo "\"${v}_$i\",\"IT WAS $v $i\",\"9\",\"$((i % 2))\""; done; done > d/mosi/transcripts.csv
    for set in train test; do
        from=$([ $set = train ] && echo 0 || echo 8)
        for n in $(seq "$from" $((from + 7))); do
            echo "\"$n\",\"0.5\",\"1\"" >> d/mosi/text_$set.csv
            for m in text audio video; do echo "\"$n.5\",\"$((n * 7 % 5))\",\"0.1\",\"$(((n + 1) % 2))\"" >> d/mosi/${m}_${set}0.csv; done
        done
    done
    echo file,speaker,text_code,emotion > d/emodb84/labels.csv
    for s in 11 12 14 16; do
        for e in anger sadness; do
            echo "wav/${s}a0$e.wav,$s,a0,$e" >> d/emodb84/labels.csv
            echo "wav d/emodb84/wav/${s}a0$e.wav 0.5 22050"
        done
    done | python3 "$media" -
}

@test "call: a report, a head, and a call that is played gives what its files give at once" {
    need_text
    command -v ffmpeg > /dev/null || skip "needs ffmpeg"
    python3 -c 'import msgpack' 2> /dev/null || skip "needs Python's msgpack for python3"
    call_data
    with=(-s -C "$examples/call" DATA="$PWD/d" OUT="$PWD/out" AUDIO_MODEL="$E/wav2vec2" FEATURES= VIDEO=c SPEED=20 \
        METHODS=gated TRAIN="--epochs 3 --hidden 8" FUSED="--epochs 3 --hidden 8")
    LATENESS=1000 make "${with[@]}" > said
    [ "$(grep -c '^gated  *[01]' said)" = 1 ]
    [ "$(grep -c '^fused  *[01]' said)" = 1 ]
    grep -q '^start.*truth$' said
    [ "$(wc -l < out/live.tsv)" -ge 7 ]
    grep -q -- '-->' out/live.vtt
    cd out/call
    mm-decode --channel 1=agent,2=customer --window 2 call.wav | mm-encode-audio -m "$E/wav2vec2" > voices.mm
    mm-decode --column text --key-column call --time-column start,end words.csv | mm-encode-text -m minilm-l6 > words.mm
    mm-decode --as feature --of face --key-column call --time-column start,end face.csv > face.mm
    mm-fuse -m ../head.safetensors --label --join time --window 2 voices.mm words.mm face.mm | mm-cat -J | jq -cS 'del(.src)' > want
    mm-cat -J ../live.mm | jq -cS 'del(.src)' | diff - want
}
