# mm-label against what scikit-learn and numpy say (tests/goldens/make_label.py), and its formats.
bats_require_minimum_version 1.5.0

bats_require_minimum_version 1.5.0

setup() {
    cd tests/goldens/label || return 1
    tmp=$BATS_TEST_TMPDIR
}
records() { python3 ../../bats/records.py; }

@test "k nearest neighbours vote as in scikit-learn" {
    for rule in majority similarity; do
        for k in 1 2 4 5 16 60; do
            mm-label --knn examples.mm -k $k --vote $rule --of image -f jsonl queries.mm >"$tmp/got"
            jq -e -s --slurpfile want knn.json --arg case "$rule $k" '
                $want[0][$case] as $w | length == 25 and ([.[].label] == $w.predict) and
                ([range(25) as $i | (.[$i].score - $w.proba[$i]) | fabs] | max < 2e-6)' "$tmp/got"
        done
    done
}

@test "zero-shot scores are the softmax of the scaled cosines" {
    mm-label --against labels.mm --of image -n 4 -f jsonl queries.mm >"$tmp/got"
    jq -e -s --slurpfile want zeroshot.json '
        [.[].labels | map({(.label): .score}) | add] as $got |
        length == 25 and ([range(25) as $i | $want[0][$i] | to_entries[] |
            (.value - $got[$i][.key]) | fabs] | max < 2e-6)' "$tmp/got"
    # the best one first, and its score is the label's
    jq -e -s 'all(.labels[0].score == .score and .labels[0].label == .label)' "$tmp/got"
    # --scale wins over the model's own
    mm-label --against labels.mm --of image --scale 0.001 -f jsonl queries.mm | jq -e -s 'all(.score < 0.26)'
}

@test "the result does not depend on the number of threads" {
    mm-label -j1 --knn examples.mm -k 7 -n 3 --of image queries.mm >"$tmp/one"
    mm-label -j4 --knn examples.mm -k 7 -n 3 --of image queries.mm | cmp - "$tmp/one"
}

@test "an example does not vote for itself with --leave-one-out" {
    mm-label --knn examples.mm -k 1 --neighbours -f jsonl examples.mm | jq -e -s 'all(.neighbours[0].key == .key)'
    mm-label --knn examples.mm -k 1 --neighbours --leave-one-out -f jsonl examples.mm |
        jq -e -s 'all(.neighbours[0].key != .key and .neighbours[0].cosine < 1)'
}

@test "TSV: columns, threshold, unknown" {
    mm-label --against labels.mm --of image --threshold 0.9 --unknown none -n 2 queries.mm >"$tmp/got"
    [ "$(head -n1 "$tmp/got")" = $'key\tpart\tstart\tend\tof\tlabel\tscore\tlabel2\tscore2' ]
    [ "$(wc -l <"$tmp/got")" -eq 26 ]
    awk -F'\t' 'NF != 9 { exit 1 }' "$tmp/got"
    awk -F'\t' 'NR > 1 && (($6 == "none") != ($7 < 0.9)) { exit 1 }' "$tmp/got"
    grep -q none "$tmp/got"
    [ "$(mm-label --against labels.mm --of image --no-header queries.mm | wc -l)" -eq 25 ]
}

@test "a stream of labels can be labelled from: a head's output" {
    mm-label --knn examples.mm --of image -n 2 -f stream queries.mm >"$tmp/labels.mm"
    mm-label "$tmp/labels.mm" -n 2 >"$tmp/two"
    mm-label --knn examples.mm --of image -n 2 queries.mm | cmp - "$tmp/two"
    # what it did not label is still there, byte for byte
    mm-label --against labels.mm --of image -f stream queries.mm | mm-cat -w of=text | cmp - <(mm-cat -w of=text queries.mm)
}

@test "labels of the input go along" {
    mm-label --knn examples.mm --leave-one-out -f jsonl examples.mm | jq -e -s 'length == 60 and all(.truth != null)'
}

@test "Label Studio: tasks as its importer takes them" {
    mm-label --against labels.mm --of image -f label-studio --from-name c --to-name i --data-key url \
        --data-prefix 'https://x/' --model-version v1 --threshold 0.9 queries.mm >"$tmp/tasks.json"
    jq -e 'length == 25 and all(.[]; (.data.url | startswith("https://x/q")) and
        (.predictions | length == 1) and .predictions[0].model_version == "v1" and
        all(.predictions[0].result[]; .from_name == "c" and .to_name == "i" and .type == "choices" and
            (.value.choices | length == 1) and .score >= 0.9))' "$tmp/tasks.json"
    # below the threshold there is no result, but still the task
    jq -e 'any(.[]; .predictions[0].result == []) and any(.[]; .predictions[0].result != [])' "$tmp/tasks.json"
    # an empty stream is an empty list, and an error; FILE stays as it was
    mm-label --against labels.mm -f label-studio </dev/null | jq -e '. == []'
    for how in "--against labels.mm" "--knn examples.mm" "-f label-studio" "--field emotion"; do
        run --separate-stderr -2 mm-label $how </dev/null
        [ "$stderr" = "mm-label: the input holds no record" ]
        run -2 mm-label $how -o "$tmp/tasks.json" </dev/null
        jq -e 'length > 1' "$tmp/tasks.json"
    done
}

@test "spaces that differ are refused, naming both" {
    run mm-label --knn examples.mm queries.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"t3: vectors of space other@2 cannot be compared with vectors of space toy@1/cls"* ]]
    run mm-label --knn examples.mm --of text queries.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"holds no labelled features of text"* ]]
}

@test "what cannot be done is said" {
    run mm-label queries.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"--against FILE"* ]]
    run mm-label --knn examples.mm --against labels.mm queries.mm
    [ "$status" -eq 2 ]
    run mm-label --neighbours --against labels.mm queries.mm
    [ "$status" -eq 2 ]
    run mm-label --knn queries.mm examples.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"carries no label: left out"* ]]
    records >"$tmp/several.mm" <<'END'
{"kind": "feature", "key": "a", "of": "x", "data": {"f32": [1, 0]}, "label": {"animal": "cat", "size": "small"}}
END
    run mm-label --knn "$tmp/several.mm" "$tmp/several.mm"
    [ "$status" -eq 2 ]
    [[ "$output" == *"several entries (animal, size): left out; choose one with --field"* ]]
    run mm-label --knn absent.mm examples.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"absent.mm: No such file"* ]]
    run mm-label --knn examples.mm --field digit examples.mm
    [ "$status" -eq 0 ] # plain labels have no fields to choose from
}

@test "error records and broken streams make it exit 1, the rest is labelled" {
    size=$(stat -c %s examples.mm)
    head -c $((size - 10)) examples.mm >"$tmp/cut.mm"
    run mm-label --knn examples.mm "$tmp/cut.mm"
    [ "$status" -eq 1 ]
    [ "$(grep -c '^x' <<<"$output")" -eq 59 ]
    [[ "$output" == *"ends inside a record"* ]]
}

@test "-o leaves no half-written file" {
    run mm-label --knn examples.mm -o "$tmp/out.tsv" queries.mm
    [ "$status" -eq 2 ]
    [ ! -e "$tmp/out.tsv" ]
    mm-label --knn examples.mm --of image -o "$tmp/out.tsv" queries.mm
    mm-label --knn examples.mm --of image queries.mm | cmp - "$tmp/out.tsv"
}

@test "outputs of a head: distributions, numbers, fields" {
    records >"$tmp/head.mm" <<'END'
{"kind": "label", "key": "a", "label": {"sad": 0.2, "happy": 0.7, "angry": 0.1}, "of": "image", "meta": {"field": "emotion"}}
{"kind": "label", "key": "a", "label": 2.5, "of": "image", "meta": {"field": "valence"}}
{"kind": "label", "key": "b", "label": "cat"}
END
    # whose labels are of several fields says which one a line is of
    run mm-label -n 2 "$tmp/head.mm"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = $'key\tpart\tstart\tend\tof\tfield\tlabel\tscore\tlabel2\tscore2' ]
    [ "${lines[1]}" = $'a\t\t\t\timage\temotion\thappy\t0.7\tsad\t0.2' ]
    [ "${lines[2]}" = $'a\t\t\t\timage\tvalence\t2.5\t1\t\t' ]
    [ "${lines[3]}" = $'b\t\t\t\t\t\tcat\t1\t\t' ]
    # one that is chosen needs no column
    [ "$(mm-label --no-header --field emotion "$tmp/head.mm" | head -n 1)" = $'a\t\t\t\timage\thappy\t0.7' ]
    mm-label --field emotion -f jsonl "$tmp/head.mm" | jq -e -s 'map(.label) == ["happy", "cat"]'
    mm-label -f jsonl "$tmp/head.mm" | jq -e -s 'map(.label) == ["happy", 2.5, "cat"]'
    mm-label -f stream "$tmp/head.mm" | mm-cat -J | jq -e -s '.[1].label == 2.5'
    mm-label -f label-studio "$tmp/head.mm" | jq -e '.[0].predictions[0].result[0].from_name == "emotion"'
    # one that is not there is an error that says which there are
    mm-cat -w key=a "$tmp/head.mm" >"$tmp/a.mm"
    run mm-label --field emotions "$tmp/a.mm"
    [ "$status" -eq 2 ]
    [[ "$output" == *'no label field emotions; did you mean "emotion"? (there are: emotion, valence)'* ]]
}

@test "a head with several outputs: a line for each, with its field; one task in Label Studio" {
    for i in $(seq 0 39); do
        echo '{"kind": "feature", "key": "k'$i'", "src": "k'$i'.png", "of": "image", "data": {"f32": ['$((i % 2))', '$((i % 3))']}, "label": {"shape": "s'$((i % 2))'", "size": "z'$((i % 3))'"}}'
    done | records >"$tmp/two.mm"
    mm-train classify -q --label shape --label size --method linear -o "$tmp/head" "$tmp/two.mm"
    mm-label -m "$tmp/head" "$tmp/two.mm" >"$tmp/got"
    [ "$(head -n 1 "$tmp/got" | cut -f6,7)" = $'field\tlabel' ]
    [ "$(sed 1d "$tmp/got" | cut -f1,6,7 | head -n 4)" = $'k0\tshape\ts0\nk0\tsize\tz0\nk1\tshape\ts1\nk1\tsize\tz1' ]
    mm-fuse -m "$tmp/head" --label "$tmp/two.mm" | mm-label | cmp - "$tmp/got"
    mm-label -m "$tmp/head" --field size "$tmp/two.mm" | head -n 2 | cut -f6 | tr '\n' ' ' | grep -qx 'label z0 '
    mm-label -q -m "$tmp/head" -f label-studio -n 2 "$tmp/two.mm" | jq -e 'length == 40 and all(.[];
        .predictions[0].result | map(.from_name) == ["shape", "size"] and all(.[]; .value.choices | length == 1))'
    run mm-label -m "$tmp/head" -f label-studio --from-name c "$tmp/two.mm"
    [ "$status" -eq 2 ]
    [[ "$output" == *"choose one with --field"* ]]
    run mm-label -m "$tmp/head" --field siez "$tmp/two.mm"
    [ "$status" -eq 2 ]
    [[ "$output" == *'did you mean "size"? (there are: shape, size)'* ]]
    run mm-label --knn "$tmp/two.mm" "$tmp/two.mm" # a warning says what helps, too
    [ "$status" -eq 2 ]
    [[ "$output" == *"its label has several entries (shape, size): left out; choose one with --field"* ]]
}

# Four vectors at angles from the first that have cosines of 1, .96, .6, -1; two of one key.
circle() {
    records <<'END'
{"kind": "feature", "key": "a", "src": "photos/a.jpg", "of": "image", "data": {"f32": [2, 0]}}
{"kind": "feature", "key": "b", "src": "photos/b.jpg", "of": "image", "data": {"f32": [0.96, 0.28]}}
{"kind": "feature", "key": "c", "src": "films/c.mp4", "part": 3, "of": "image", "data": {"f32": [0.6, 0.8]}}
{"kind": "feature", "key": "c", "src": "films/c.mp4", "part": 4, "of": "image", "data": {"f32": [-1, 0]}}
END
}

@test "a search: the score is the cosine, and the threshold works on it" {
    circle >"$tmp/all.mm"
    mm-cat -w key=a "$tmp/all.mm" >"$tmp/a.mm"
    [ "$(mm-label --no-header --knn "$tmp/all.mm" --by-key -k 4 -n 4 "$tmp/a.mm")" = $'a\t\t\t\timage\ta\t1\tb\t0.96\tc\t0.6\t\t' ]
    [ "$(mm-label --no-header --knn "$tmp/all.mm" --by-key --leave-one-out -k 1 "$tmp/a.mm")" = $'a\t\t\t\timage\tb\t0.96' ]
    [ "$(mm-label --no-header --knn "$tmp/all.mm" --by-key --leave-one-out --threshold 0.97 --unknown none "$tmp/a.mm" | cut -f6,7)" = $'none\t0.96' ]
    # what lies opposite is found as well
    [ "$(mm-label --no-header --knn "$tmp/all.mm" --by-key -k 1 <(mm-cat -w part=4 "$tmp/all.mm") | cut -f6,7)" = $'c\t1' ]
    mm-label --knn "$tmp/all.mm" --by-key --neighbours -k 4 -n 9 -f jsonl "$tmp/a.mm" |
        jq -e '.score == 1 and (.labels | length == 3) and (.neighbours | map(.src) == ["photos/a.jpg", "photos/b.jpg", "films/c.mp4"])
            and .neighbours[2].part == 3'
    run mm-label --knn "$tmp/all.mm" --by-key --vote majority "$tmp/a.mm"
    [ "$status" -eq 2 ]
    # votes are as they were
    mm-label --knn examples.mm -k 5 -f jsonl examples.mm | jq -e -s 'all(.score <= 1.0001)'
}

@test "hits: a row for each, with what to open" {
    circle >"$tmp/all.mm"
    mm-label --knn "$tmp/all.mm" -f hits -k 3 "$tmp/all.mm" >"$tmp/got"
    [ "$(head -n 1 "$tmp/got")" = $'query\trank\tscore\tkey\tsrc\tpart\tquery_part\tquery_src\tquery_text\ttext\tstart\tend\tquery_start\tquery_end' ]
    [ "$(wc -l <"$tmp/got")" -eq 13 ]
    [ "$(sed -n 2,4p "$tmp/got" | cut -f1-8)" = "$(printf 'a\t1\t1\ta\tphotos/a.jpg\t\t\tphotos/a.jpg\na\t2\t0.96\tb\tphotos/b.jpg\t\t\tphotos/a.jpg\na\t3\t0.6\tc\tfilms/c.mp4\t3\t\tphotos/a.jpg\n')" ]
    # near-duplicates, each once from either side
    mm-label --no-header --knn "$tmp/all.mm" -f hits --leave-one-out -k 3 --threshold 0.95 "$tmp/all.mm" | cut -f1,4 >"$tmp/pairs"
    [ "$(cat "$tmp/pairs")" = $'a\tb\nb\ta' ]
    # a query that is a text says which
    { echo '{"kind": "text", "key": "-:1", "data": "two\nlines"}'
      echo '{"kind": "feature", "key": "-:1", "of": "text", "data": {"f32": [1, 0]}}'; } | records >"$tmp/query.mm"
    mm-label --no-header --knn "$tmp/all.mm" -f hits -k 1 "$tmp/query.mm" | cut -f1,4,9 | grep -qxFe $'-:1\ta\ttwo\\nlines'
    for more in "-n 3" "--vote majority" "--distance"; do
        # shellcheck disable=SC2086
        run mm-label --knn "$tmp/all.mm" -f hits $more "$tmp/all.mm"
        [ "$status" -eq 2 ]
    done
    run mm-label --against labels.mm -f hits queries.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"needs --knn"* ]]
}

@test "Label Studio: of several labels one is ticked, the others are reported" {
    mm-label --against labels.mm --of image -n 3 -f label-studio queries.mm | jq -e 'length == 25 and all(.[];
        (.predictions[0].result[0] as $r | ($r.value.choices | length == 1) and
         (.meta.labels[$r.id] | length == 3 and .[0].label == $r.value.choices[0] and .[0].score == $r.score)))'
    mm-label --against labels.mm --of image -f label-studio queries.mm | jq -e 'all(.[]; .meta.labels == null and .predictions[0].result[0].from_name == "choice")'
    # whose control is called as the label field says so once: Label Studio drops what has another name
    echo '{"kind": "label", "key": "a", "label": {"x": 1.0}, "meta": {"field": "emotion"}}' | records >"$tmp/field.mm"
    run mm-label -f label-studio "$tmp/field.mm"
    [[ "$output" == *'control named "emotion"'*--from-name* ]]
    run mm-label -f label-studio --from-name choice "$tmp/field.mm"
    [[ "$output" != *control* && "$output" == *'"from_name":"choice"'* ]]
}

@test "a trained head: the softmax of what PyTorch says of the same samples" {
    heads=../heads
    for method in mlp gated attention dempster linear; do
        mm-label -m $heads/$method.safetensors -n 3 -f jsonl $heads/samples.mm >"$tmp/got"
        jq -e -s --slurpfile want $heads/expected.json --arg method $method '
            [.[].labels | map({(.label): .score}) | add] as $got | length == 6 and
            ([range(6) as $i | ($want[0][$method][$i] | map(exp)) as $x | range(3) as $c |
                ($got[$i]["\($c)"] - $x[$c] / ($x | add)) | fabs] | max < 1e-5)' "$tmp/got"
    done
    # the same as through mm-fuse
    mm-fuse -m $heads/mlp.safetensors --label $heads/samples.mm | mm-label -n 3 >"$tmp/fused"
    mm-label -m $heads/mlp.safetensors -n 3 $heads/samples.mm | cmp - "$tmp/fused"
    # modalities of streams of their own are joined; features alone are not lost
    for of in image text audio; do mm-cat -w of=$of -o "$tmp/$of.mm" $heads/samples.mm; done
    mm-label -m $heads/mlp.safetensors -n 3 "$tmp"/{image,text,audio}.mm | sort | cmp - <(sort "$tmp/fused")
    run mm-label -m $heads/align.safetensors $heads/samples.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"no labels to give"* ]]
    run mm-label -m $heads/mlp.safetensors --knn examples.mm queries.mm
    [ "$status" -eq 2 ]
}

@test "a trained head: its temperature, and samples that do not fit" {
    mm-train classify -q --method linear -o "$tmp/head" examples.mm
    # the vectors of a linear head are its logits: the probabilities' logarithms differ by theirs / T, for one T
    paste <(mm-fuse -m "$tmp/head" examples.mm | mm-cat -J --data | jq -c .data.values) \
        <(mm-label -m "$tmp/head" -n 99 -f jsonl examples.mm | jq -c '.labels | sort_by(.label) | map(.score)') |
        jq -n -e '[inputs] | [range(0; length; 2) as $i | (.[$i] | max - min) / (.[$i + 1] | (max | log) - (min | log))] |
            length == 60 and (max - min) / max < 1e-4 and (.[0] - 1 | fabs) > 1e-3'
    # samples without anything that the head takes fail, each by itself
    run mm-label -m "$tmp/head" --no-header queries.mm
    [ "$status" -eq 1 ]
    [ "$(grep -c 'no features of a modality that the head takes (image), only of text' <<<"$output")" -eq 2 ]
    [[ "$output" == *"/head: ... and 2 more like it: no features"* ]] # said once
    [ "$(grep -c '^q' <<<"$output")" -eq 25 ]
    mm-label -m "$tmp/head" -f stream examples.mm | mm-eval --rounds 0 -f json | jq -e '.samples == 60'
}

@test "--flush: an answer comes before the next question is asked" {
    # answers to the first feature alone, with the input still open
    mm-cat -w of=image queries.mm >"$tmp/images.mm"
    mm-cat -w key=q00 "$tmp/images.mm" >"$tmp/first.mm"
    mm-train classify -q --method linear -o "$tmp/head" examples.mm
    mkfifo "$tmp/in"
    for how in "--knn examples.mm" "--against labels.mm" "-m $tmp/head"; do
        # shellcheck disable=SC2086
        mm-label $how --flush --no-header "$tmp/in" >"$tmp/out" 3>&- &
        exec 9>"$tmp/in"
        cat "$tmp/first.mm" >&9
        # a sample is complete when the next key begins
        [ "${how:0:2}" = -m ] && mm-cat -w key=q01 "$tmp/images.mm" >&9
        for _ in $(seq 500); do [ -s "$tmp/out" ] && break; sleep 0.02; done
        [ "$(cut -f1 "$tmp/out")" = q00 ]
        exec 9>&-
        wait $!
    done
}

@test "a modality that nothing is of is an error that says what was meant and what there is" {
    mm-train classify -q --method linear -o "$tmp/head" examples.mm
    for how in "--knn examples.mm" "--against labels.mm"; do
        # shellcheck disable=SC2086
        run -2 mm-label $how --of imagee -o "$tmp/out" queries.mm
        [[ "$output" == *'no record is of imagee; did you mean "image"? (there are: image, text)'* ]]
        [ ! -e "$tmp/out" ]
    done
    run -2 mm-label -m "$tmp/head" --of imagee examples.mm
    [[ "$output" == *'the head takes no imagee; did you mean "image"?'* ]]
    mm-label --knn examples.mm --of image -f stream queries.mm >"$tmp/labels.mm"
    run -2 mm-label --of imagee <(mm-cat -w kind=label "$tmp/labels.mm")
    [[ "$output" == *'no record is of imagee; did you mean "image"?'* ]]
    # what nothing could be made of is said
    echo '{"kind": "text", "key": "a", "data": "x"}' | records >"$tmp/raw.mm"
    for how in "" "--knn examples.mm" "-m $tmp/head"; do
        # shellcheck disable=SC2086
        run -2 mm-label $how "$tmp/raw.mm"
        [[ "$output" == *"no record of the input was a feature: mm-encode-image"* ]]
    done
}

@test "--by-key: -k counts keys, however many examples each has; -n asks for as many" {
    for key in $(seq 9); do for i in 1 2 3 4 5; do # five captions of each photo
        echo '{"kind": "feature", "key": "p'"$key"'", "of": "text", "data": {"f32": [1, '"$key.$i"']}}'
    done; done | records >"$tmp/captions.mm"
    mm-cat -N 1 "$tmp/captions.mm" >"$tmp/first.mm"
    [ "$(mm-label --no-header --knn "$tmp/captions.mm" --by-key -n 5 "$tmp/first.mm" | cut -f6,8,10,12,14)" = $'p1\tp2\tp3\tp4\tp5' ]
    [ "$(mm-label --no-header --knn "$tmp/captions.mm" --by-key -n 8 "$tmp/first.mm" | cut -f20)" = p8 ]
    # the best example of each key speaks for it, whatever the number of threads
    want=$(mm-label --knn "$tmp/captions.mm" -f hits -k 45 "$tmp/first.mm" --no-header | sort -s -u -k4,4 | sort -k2,2n | cut -f3,4)
    for j in 1 3; do
        [ "$(mm-label -j$j --no-header --knn "$tmp/captions.mm" --by-key -f hits -k 9 "$tmp/first.mm" | cut -f3,4)" = "$want" ]
    done
    # without --by-key examples are counted
    [ "$(mm-label --no-header --knn "$tmp/captions.mm" -f hits -k 7 "$tmp/first.mm" | cut -f4 | sort -u | wc -l)" -eq 2 ]
}

@test "--of is about what is labelled: a sentence finds photos in a file without sentences" {
    circle >"$tmp/all.mm"
    echo '{"kind": "feature", "key": "q", "of": "text", "data": {"f32": [1, 0]}}' | records >"$tmp/q.mm"
    cat "$tmp/all.mm" "$tmp/q.mm" >"$tmp/mixed.mm"
    [ "$(mm-label --no-header --knn "$tmp/all.mm" --of text --by-key -k 1 "$tmp/mixed.mm" | cut -f1,6)" = $'q\ta' ]
    # where the file holds its modality, those alone are compared with
    [ "$(mm-label --no-header --knn "$tmp/mixed.mm" --of text --by-key -k 1 "$tmp/mixed.mm" | cut -f1,6)" = $'q\tq' ]
}

@test "hits: the sentence that was found, and when in a sound" {
    { echo '{"kind": "feature", "key": "a", "of": "text", "part": 532, "data": {"f32": [1, 0]}, "meta": {"text": "a dog\ton a beach"}}'
      echo '{"kind": "text", "key": "b", "data": "a cat"}'
      echo '{"kind": "feature", "key": "b", "of": "text", "data": {"f32": [0.6, 0.8]}}'
      echo '{"kind": "feature", "key": "c", "of": "text", "time": [1.5, 2.5], "data": {"f32": [0, 1]}}'; } | records >"$tmp/captions.mm"
    echo '{"kind": "feature", "key": "q", "of": "text", "time": [0, 0.25], "data": {"f32": [1, 0]}}' | records >"$tmp/q.mm"
    mm-label --no-header --knn "$tmp/captions.mm" -f hits -k 3 "$tmp/q.mm" | cut -f4,10- >"$tmp/got"
    [ "$(cat "$tmp/got")" = $'a\ta dog\\ton a beach\t\t\t0\t0.25\nb\ta cat\t\t\t0\t0.25\nc\t\t1.5\t2.5\t0\t0.25' ]
}
