# mm-label against what scikit-learn and numpy say (tests/goldens/make_label.py), and its formats.

setup() {
    cd tests/goldens/label || return 1
    tmp=$BATS_TEST_TMPDIR
}

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
    mm-label --against labels.mm --of audio -f stream queries.mm | cmp - queries.mm
}

@test "ground truth goes along" {
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
    # an empty stream is an empty list
    mm-label --against labels.mm -f label-studio </dev/null | jq -e '. == []'
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
    python=${MM_PYTHON:-python3}
    "$python" -c 'import msgpack' 2>/dev/null || skip "needs Python's msgpack (set MM_PYTHON)"
    "$python" - >"$tmp/head.mm" <<'END'
import msgpack, sys
def put(**r): sys.stdout.buffer.write(msgpack.packb({"mm": 1, "kind": "label", **r}))
put(key="a", label={"sad": 0.2, "happy": 0.7, "angry": 0.1}, of="image", meta={"field": "emotion"})
put(key="a", label=2.5, of="image", meta={"field": "valence"})
put(key="b", label="cat")
END
    run mm-label --no-header -n 2 "$tmp/head.mm"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = $'a\t\t\t\timage\thappy\t0.7\tsad\t0.2' ]
    [ "${lines[1]}" = $'a\t\t\t\timage\t2.5\t1\t\t' ]
    [ "${lines[2]}" = $'b\t\t\t\t\tcat\t1\t\t' ]
    mm-label --field emotion -f jsonl "$tmp/head.mm" | jq -e -s 'map(.label) == ["happy", "cat"]'
    mm-label -f label-studio "$tmp/head.mm" | jq -e '.[0].predictions[0].result[0].from_name == "emotion"'
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
    # modalities of streams of their own are joined; features alone are not left behind
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
    [ "$(grep -c 'no features of a modality that the head takes' <<<"$output")" -eq 3 ]
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
