# mm-eval on streams of predictions: numbers to the last bit, undefined metrics, heads with several outputs.
bats_require_minimum_version 1.5.0

setup() {
    tests=$BATS_TEST_DIRNAME
    cd "$BATS_TEST_TMPDIR" || return 1
}
records() { python3 "$tests/records.py"; }

# 60 numbers near $1 and predictions that miss them by -0.4 to 0.4
numbers() {
    python3 -c "
for i in range(60):
    print('{\"kind\": \"label\", \"key\": \"k%d\", \"label\": %r, \"meta\": {\"truth\": %r}}' % (i, $1 + i % 7 + (i % 9 - 4) / 10, $1 + float(i % 7)))" | records
}

@test "numbers of any size are compared to their last bit" {
    numbers 0 | mm-eval --rounds 0 -f json | jq -c '.figures | map_values(.value * 1e6 | round)' > small
    jq -e '.MAE > 200000 and .MAE < 300000 and .R2 > 900000' small
    for offset in 1e6 1e8 1.7e9 -1e12; do # time stamps, and beyond
        numbers $offset | mm-eval --rounds 0 -f json | jq -c '.figures | map_values(.value * 1e6 | round)' > large
        jq -n -e --slurpfile a small --slurpfile b large '[$a[0], $b[0]] | (.[0] | keys) as $k |
            all($k[] as $n | (.[0][$n] - .[1][$n] | fabs) < 1000; .)'
    done
}

@test "whole numbers are classes to the last digit, as values and as keys of a distribution" {
    for i in $(seq 20); do
        y=$((1234567890 + i % 2))
        echo '{"kind": "label", "key": "k'$i'", "label": {"1234567890": '$((1 - i % 2))', "1234567891": '$((i % 2))'}, "meta": {"truth": '$y'}}'
    done | records > whole.mm
    mm-eval --rounds 0 -f json whole.mm | jq -e '.figures.accuracy.value == 1 and (.classes | map(.class)) == ["1234567890", "1234567891"]'
    # so are the classes of a head
    for i in $(seq 40); do
        echo '{"kind": "feature", "key": "k'$i'", "of": "x", "data": {"f32": ['$((i % 2 * 3 + i % 3))', 1]}, "label": '$((1234567890 + i % 2))'}'
    done | records > learn.mm
    mm-train classify -q --method linear --valid-fraction 0 -o head learn.mm
    mm-fuse -m head --label learn.mm | mm-eval --rounds 0 -f json | jq -e '.figures.accuracy.value == 1 and (.classes | length) == 2'
    mm-label --knn learn.mm -k 1 -f jsonl learn.mm | jq -e -s 'all(.label == (.truth | tostring))'
}

@test "time stamps are learned, and come out as numbers" {
    python3 - <<'END' | records > times.mm
import json
for i in range(60):
    x = [i % 7, i % 5]
    print(json.dumps({"kind": "feature", "key": "k%d" % i, "of": "x", "data": {"f32": x},
                      "label": 1.7e9 + 8.25 * x[0] - 3.5 * x[1]}))
END
    mm-train regress -q --method linear --solver lbfgs --weight-decay 0 --valid-fraction 0 -o head times.mm
    mm-fuse -m head --label times.mm | mm-eval --rounds 0 -f json | jq -e '.figures.R2.value > 0.999999'
    # through mm-label as well, where they are numbers in every format
    mm-label -m head -f stream times.mm | mm-eval --rounds 0 -f json | jq -e '.figures.R2.value > 0.999999'
    mm-label -m head -f jsonl times.mm | jq -e -s 'all((.label - .truth | fabs) < 0.01)'
    mm-label -m head --no-header times.mm | awk -F'\t' '$6 < 1699999980 || $6 > 1700000060 { exit 1 }'
}

@test "an undefined metric is a dash, and null in JSON" {
    for i in 1 2 3; do echo '{"kind": "label", "key": "k'$i'", "label": {"a": 0.9, "b": 0.1}, "meta": {"truth": "a"}}'; done | records > one.mm
    run -0 mm-eval one.mm
    [[ "$output" != *nan* ]]
    grep -q '^AUROC  *-$' <<< "$output"
    mm-eval -f json one.mm | jq -e '.figures.AUROC == {"value": null} and .figures.accuracy.value == 1'
    # a class that only the probabilities know: scikit-learn 1.9 has no area then
    python3 -c "
for i in range(30):
    print('{\"kind\": \"label\", \"key\": \"k%d\", \"label\": {\"a\": %r, \"b\": %r, \"c\": 0.1}, \"meta\": {\"truth\": \"%s\"}}' % (i, i / 40, 0.9 - i / 40, 'ab'[i * 7 % 3 % 2]))" | records > missing.mm
    mm-eval -f json missing.mm | jq -e '.figures.AUROC.value == null and .figures["log loss"].interval'
    mm-eval -f json --compare one.mm missing.mm | jq -e '.comparison'
    # a constant has no correlation, however its mean is rounded
    for i in $(seq 9); do echo '{"kind": "label", "key": "k'$i'", "label": 0.'$i', "meta": {"truth": 0.1}}'; done | records > flat.mm
    run -0 mm-eval --compare flat.mm flat.mm
    [[ "${output,,}" != *nan* ]]
    grep -q '^Pearson  *-$' <<< "$output"
    grep -q '^Pearson difference  *-$' <<< "$output"
}

@test "values that are no numbers are not compared with numbers" {
    for v in 1.5 NaN 2.5; do echo '{"kind": "label", "key": "k'$v'", "label": '$v', "meta": {"truth": 2}}'; done | records > nan.mm
    run -0 mm-eval -f json nan.mm
    [[ "$output" == *"predictions that do not count, without a value or ground truth: 1"* ]]
    for v in 1.5 Infinity; do echo '{"kind": "label", "key": "k'$v'", "label": '$v', "meta": {"truth": 2}}'; done | records > inf.mm
    run -2 mm-eval inf.mm
    [[ "$output" == *"kInfinity: "*"are not two numbers"* ]]
}

# Two outputs of one head: digits all right, speakers half.
outputs() {
    for i in $(seq 0 19); do
        truth='{"digit": '$((i % 4))', "speaker": "s'$((i % 2))'"}'
        echo '{"kind": "label", "key": "k'$i'", "label": {"'$((i % 4))'": 1.0}, "meta": {"field": "digit", "truth": '$truth'}}'
        echo '{"kind": "label", "key": "k'$i'", "label": {"s0": 1.0}, "meta": {"field": "speaker", "truth": '$truth'}}'
    done | records
}

@test "outputs of one head are evaluated field by field" {
    outputs > two.mm
    mm-eval --rounds 0 -f json two.mm | jq -e '.fields | .digit.samples == 20 and .digit.figures.accuracy.value == 1 and
        (.digit.classes | length) == 4 and .speaker.figures.accuracy.value == 0.5 and (.speaker.classes | length) == 2'
    run -0 mm-eval --rounds 0 two.mm
    [ "$(grep -c '^field  *\(digit\|speaker\)$' <<< "$output")" = 2 ]
    [ "$(grep -c '^samples  *20$' <<< "$output")" = 2 ]
    mm-eval --rounds 0 --field speaker -f json two.mm | jq -e '.samples == 20 and .figures.accuracy.value == 0.5'
    mm-eval --compare two.mm -f json two.mm | jq -e '.fields.digit.comparison.both == 20 and .fields.speaker.comparison.both == 10'
    # one picture is of one field
    run -2 mm-eval --svg x.svg two.mm
    [[ "$output" == *"choose it with --field"*"digit, speaker"* ]]
    [ ! -e x.svg ]
    mm-eval --field digit --svg x.svg two.mm > /dev/null
    [ -s x.svg ]
}

@test "a field that is not there, or has to be chosen: which there are" {
    outputs > two.mm
    run -2 mm-eval --field digits two.mm
    [[ "$output" == *'did you mean "digit"? (there are: digit, speaker)'* ]]
    echo '{"kind": "label", "key": "a", "label": {"x": 1.0}, "meta": {"truth": {"kind": "x", "size": 3}}}' | records > open.mm
    run -2 mm-eval open.mm
    [[ "$output" == *"choose one with --field (there are: kind, size)"* ]]
    mm-eval --rounds 0 --field kind -f json open.mm | jq -e '.figures.accuracy.value == 1'
    # labels of another stream, by field; a label that is not a map has the field "label" alone
    for i in $(seq 0 19); do echo '{"kind": "text", "key": "k'$i'", "data": "x", "label": {"digit": '$((i % 2))', "speaker": "s0"}}'; done | records > truth.mm
    mm-eval --rounds 0 --truth truth.mm -f json two.mm | jq -e '.fields.digit.figures.accuracy.value == 0.5 and .fields.speaker.figures.accuracy.value == 1'
    for i in $(seq 0 19); do echo '{"kind": "text", "key": "k'$i'", "data": "x", "label": "s0"}'; done | records > plain.mm
    run -2 mm-eval --truth plain.mm two.mm
    mm-eval --rounds 0 --truth plain.mm --field speaker -f json two.mm | jq -e '.figures.accuracy.value == 1'
}

@test "the columns of the report stand below each other, and no name is cut" {
    long='a class whose name is a good deal longer than thirty-two letters'
    for i in 1 2; do echo '{"kind": "label", "key": "k'$i'", "label": "'"$long"'", "meta": {"truth": "größer'$i'"}}'; done | records > names.mm
    run -0 mm-eval names.mm
    [[ "$output" == *"$long"*specificity* || "$output" == *specificity*"$long"* ]]
    [ "$(grep -c '^größer. \{25\}' <<< "$output")" = 4 ] # two rows each, in columns and not in bytes
    for i in 1 2 3; do for of in image text; do
        echo '{"kind": "feature", "key": "k'$i'", "of": "'$of'", "space": "s", "data": {"f32": ['$i', 1]}}'; done; done | records > pairs.mm
    run -0 mm-eval --retrieval image:text pairs.mm
    [ "$(sed 's/  \[.*//; s/[^ ]*$//' <<< "${output//→/>}" | awk '{ print length($0) }' | sort -u | wc -l)" = 1 ]
}

@test "retrieval goes by directions, in any unit" {
    for unit in '' e-20 e15; do
        for i in 1 2 3 4 5; do
            echo '{"kind": "feature", "key": "k'$i'", "of": "image", "space": "s", "data": {"f32": ['$i$unit', 1'$unit']}}'
            echo '{"kind": "feature", "key": "k'$i'", "of": "text", "space": "s", "data": {"f32": [1'$i$unit', 4'$unit']}}'
        done | records > pairs.mm
        mm-eval --rounds 0 --retrieval image:text -f json pairs.mm | jq -c .figures
    done > figures
    [ "$(sort -u figures | wc -l)" = 1 ]
}

@test "--group: an expression that fits no key, or makes one group of all, is refused; one that fits some is reported" {
    for i in $(seq 0 19); do
        echo '{"kind": "label", "key": "recordings/'$((i % 2))_s$((i / 5))_$i'", "label": "c'$((i % 2))'", "meta": {"truth": "c'$((i % 3 % 2))'"}}'
    done | records > p.mm
    run -2 mm-eval --group nomatch p.mm
    [[ "$output" == *"--group 'nomatch' fits no key (such as recordings/0_s0_0)"* ]]
    run -2 mm-eval --group '^[^/]*' p.mm
    [[ "$output" == *'all 20 samples are one group, "recordings": nothing is left to draw from for an interval'* ]]
    run -0 mm-eval --rounds 0 --group '^[^/]*' p.mm # no intervals
    run -0 --separate-stderr mm-eval --group '_(s[0-9]*)_' p.mm
    [ -z "$stderr" ]
    run -0 mm-eval --group 's[0-2]' p.mm
    [[ "$output" == *"--group 's[0-2]' fits 15 of 20 keys; each of the others, such as recordings/"*_s3_*", is a group of its own"* ]]
    run -2 mm-eval --retrieval image:text --group '^[^/]*' p.mm
    [[ "$output" == *"--group"*"about labels"* ]]
}

@test "the picture names its axes, says what its colours mean, and what it measures" {
    for i in $(seq 40); do
        p=$((60 + i % 4 * 10))
        echo '{"kind": "label", "key": "k'$i'", "label": {"a<b": 0.'$p', "c": 0.'$((100 - p))'}, "meta": {"truth": "'"$([ $((i % 5)) -gt 0 ] && echo 'a<b' || echo c)"'"}}'
    done | records > p.mm
    mm-eval --rounds 0 --svg p.svg -f json p.mm > p.json
    python3 - <<'END'
import json, re, xml.etree.ElementTree as tree
texts = ["".join(t.itertext()) for t in tree.parse("p.svg").iter("{http://www.w3.org/2000/svg}text")]
for wanted in ("confusion matrix", "true label", "predicted label", "of the samples with this true label",
               "reliability diagram", "confidence", "accuracy", "perfect calibration",
               "of all samples"):
    assert texts.count(wanted) == 1, (wanted, texts)
assert texts.count("a<b") == texts.count("c") == 2
figures = json.load(open("p.json"))["figures"]
n, accuracy, ece = re.fullmatch(r"n = (\d+), accuracy ([\d.]+), ECE ([\d.]+)", next(t for t in texts if t.startswith("n ="))).groups()
assert int(n) == 40 and float(accuracy) == round(figures["accuracy"]["value"], 4)
assert float(ece) == round(figures["calibration error"]["value"], 4)
END
    # without probabilities there is nothing to calibrate
    for i in 1 2 3 4; do echo '{"kind": "label", "key": "k'$i'", "label": "a", "meta": {"truth": "'$([ $i -gt 1 ] && echo a || echo b)'"}}'; done | records | mm-eval --rounds 0 --svg q.svg > q.txt
    grep -q 'confusion matrix' q.svg
    ! grep -q 'reliability diagram' q.svg || false
    grep -q '^confusion matrix (rows: true label, columns: predicted label)$' q.txt
}
