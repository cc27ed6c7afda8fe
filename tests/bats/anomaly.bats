#!/usr/bin/env bats
# mm-label --knn --distance: normal samples as directions in a plane, so that every distance is 1 - cos of an angle.
bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR"
    angles() { awk '{ a = $2 * atan2(0, -1) / 180; printf "%s,%.9f,%.9f\n", $1, 3 * cos(a), 3 * sin(a) }' > "$1.csv"
               mm-decode -q --as feature --of text --key-column 1 -o "$1.mm" "$1.csv"; }
    printf 'n%d %d\n' 0 0 1 10 2 20 3 30 4 40 | angles normal
    printf 'q%d %d\n' 0 25 1 55 2 180 | angles new
}

@test "scores are d / (d + t), t the quantile of the normal samples' own distances" {
    mm-label --knn normal.mm -k 1 --distance --quantile 1 -f jsonl new.mm > got
    # every normal sample has one at 10 degrees; the new ones have theirs at 5, 15 and 140
    jq -e -s '(3.14159265358979 / 180) as $r | (1 - (10 * $r | cos)) as $t | [.[].score] as $s
        | [range(3) as $i | (1 - ([5, 15, 140][$i] * $r | cos)) as $d | ($s[$i] - $d / ($d + $t)) | fabs] | max < 1e-4' got
    [ "$(mm-label --knn normal.mm -k 1 --distance --quantile 1 new.mm | cut -f6 | xargs)" = "label normal anomaly anomaly" ]
}

@test "a stream gets both names as a distribution" {
    mm-label --knn normal.mm -k 2 --distance -f stream new.mm | mm-cat --json |
        jq -e -s 'all(.label.anomaly + .label.normal - 1 | fabs < 1e-9) and .[2].label.anomaly > 0.9'
}

@test "samples that share a key are not measured against each other" {
    sed 's/^n[0-9]*/same/' normal.csv > one.csv
    mm-decode -q --as feature --of text --key-column 1 -o one.mm one.csv
    run -2 mm-label --knn one.mm --distance new.mm
    [[ "$output" == *"one key"* ]]
}

@test "what does not go together is refused" {
    run -2 mm-label --distance new.mm
    run -2 mm-label --knn normal.mm --distance --top 2 new.mm
    run -2 mm-label --knn normal.mm --distance --quantile 1.5 new.mm
}
