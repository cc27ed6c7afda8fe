# mm-fuse, mm-train and mm-eval end to end, on streams made by mm-decode --as feature.

setup_file() {
    export D=$BATS_FILE_TMPDIR/d
    mkdir -p "$D" && cd "$D" || return 1
    # two modalities of 120 samples; class c is where |x| is large, each modality alone tells only half
    awk 'BEGIN { srand(7); print "id,x,y,class" > "a.csv"; print "id,u,v,class" > "b.csv"
        for (i = 0; i < 120; i++) { c = i % 3
            printf "s%03d,%.4f,%.4f,c%d\n", i, (c == 0) * 3 + rand(), rand(), c > "a.csv"
            printf "s%03d,%.4f,%.4f,c%d\n", i, rand(), (c == 1) * 3 + rand(), c > "b.csv" } }'
    mm-decode --as feature --of voice --key-column id --label-column class a.csv -o a.mm
    mm-decode --as feature --of face --key-column id --label-column class b.csv -o b.mm
    mm-train classify --seed 3 --epochs 20 -q -o head.safetensors a.mm b.mm
}

setup() {
    cd "$D" || return 1
    tmp=$BATS_TEST_TMPDIR
}
values() { mm-cat -J --data "$@" | jq -c .data.values; }

@test "without a head: concatenation, mean and maximum of what the samples hold" {
    [ "$(mm-fuse --method concat a.mm b.mm | mm-cat -c)" = $'feature\t120' ]
    paste -d, <(tail -n +2 a.csv | cut -d, -f2,3) <(tail -n +2 b.csv | cut -d, -f2,3) >"$tmp/rows"
    mm-fuse --method concat --of voice,face a.mm b.mm | mm-cat -J --data | jq -r '.data.values | map(. * 10000 | round) | @csv' >"$tmp/got"
    awk -F, '{ for (i = 1; i <= 4; i++) printf "%d%s", $i * 10000 + 0.5, i < 4 ? "," : "\n" }' "$tmp/rows" >"$tmp/want"
    cmp "$tmp/got" "$tmp/want"
    mm-fuse --method max a.mm b.mm | mm-cat -J --data | jq -e -s 'length == 120 and all(.data.values | length == 2)'
}

@test "the number of threads changes nothing" {
    mm-fuse --method concat a.mm b.mm >"$tmp/two"
    mm-fuse --method concat -j3 a.mm b.mm | cmp - "$tmp/two"
}

@test "a head: labels as good as the data let them be, the same bytes for the same seed and any -j" {
    mm-fuse -m head.safetensors --label a.mm b.mm >"$tmp/labels.mm"
    mm-eval -f json --rounds 0 "$tmp/labels.mm" >"$tmp/report"
    jq -e '[.. | .accuracy? // empty | if type == "object" then .value else . end] | .[0] > 0.9' "$tmp/report"
    for j in 1 2 4; do
        mm-train classify --seed 3 --epochs 20 -q -j$j -o "$tmp/head" a.mm b.mm
        cmp "$tmp/head" head.safetensors
        mm-fuse -m head.safetensors --label -j$j a.mm b.mm | cmp - "$tmp/labels.mm"
    done
    mm-train classify --seed 4 --epochs 20 -q -o "$tmp/other" a.mm b.mm
    run cmp -s "$tmp/other" head.safetensors
    [ "$status" -eq 1 ]
}

@test "a sample without a modality that is required becomes an error" {
    mm-cat --where key!=s005 b.mm >"$tmp/b.mm"
    mm-fuse --method concat --of voice,face a.mm b.mm | mm-cat -J | jq -e -s 'all(.data.shape == [4])'
    run mm-fuse --method concat --of voice,face --require voice,face -o "$tmp/o" a.mm "$tmp/b.mm"
    [ "$status" -eq 1 ]
    [ "$(mm-cat -q -c "$tmp/o" | sort | tr '\n\t' ' =')" = "error=1 feature=119 " ]
    mm-cat -q -J --where kind=error "$tmp/o" | jq -e '.key == "s005"'
}

@test "interrupted training leaves no head, and goes on to the same one" {
    mm-train classify --seed 3 --epochs 400 --patience 0 -q -o "$tmp/want" a.mm b.mm
    mm-train classify --seed 3 --epochs 400 --patience 0 -q -o "$tmp/head" a.mm b.mm &
    pid=$!
    sleep 0.2
    kill -TERM $pid || true
    wait $pid || [ ! -e "$tmp/head" ]
    mm-train classify --seed 3 --epochs 400 --patience 0 -q --resume -o "$tmp/head" a.mm b.mm
    cmp "$tmp/head" "$tmp/want"
}

@test "mm-eval: accuracy and F1 of predictions that are known" {
    # 10 samples: classes p p p p p p q q q q; 5 of 6 and 3 of 4 are right
    printf 'key,x,class\n' >"$tmp/truth.csv"
    printf 'key,x,class\n' >"$tmp/said.csv"
    i=0
    for pair in pp pp pp pp pp pq qq qq qq qp; do
        i=$((i + 1))
        echo "k$i,$i,${pair:0:1}" >>"$tmp/truth.csv"
        echo "k$i,$((${#pair} == 2 && $i)),${pair:1:1}" >>"$tmp/said.csv"
    done
    mm-decode --as feature --key-column key --label-column class "$tmp/truth.csv" -o "$tmp/truth.mm"
    # each sample's nearest neighbour is itself in the examples that carry what was "said"
    mm-decode --as feature --key-column key --label-column class "$tmp/said.csv" >"$tmp/said.mm"
    mm-cat -J "$tmp/said.mm" | jq -r '[.key, .label] | @tsv' >"$tmp/pairs"
    python=${MM_PYTHON:-python3}
    "$python" -c 'import msgpack' 2>/dev/null || skip "needs Python's msgpack (set MM_PYTHON)"
    "$python" - "$tmp/pairs" >"$tmp/labels.mm" <<'END'
import msgpack, sys
for line in open(sys.argv[1]):
    key, label = line.split()
    sys.stdout.buffer.write(msgpack.packb({"mm": 1, "kind": "label", "key": key, "label": {label: 1.0}}))
END
    mm-eval --truth "$tmp/truth.mm" --rounds 0 -f json "$tmp/labels.mm" >"$tmp/report"
    # accuracy 8/10; F1 of p: 2*5/(2*5+1+1) = 0.8333, of q: 6/(6+1+1) = 0.75
    jq -e '[.. | numbers] as $n | def has(x): any($n[]; . - x | fabs < 1e-4); has(0.8) and has(0.833333) and has(0.75) and has(0.791667)' "$tmp/report"
}

@test "what cannot be done is said" {
    run mm-fuse -m absent.safetensors a.mm
    [ "$status" -eq 2 ]
    run mm-train classify -o "$tmp/h" absent.mm
    [ "$status" -ne 0 ] && [ ! -e "$tmp/h" ]
    mm-decode --as feature --of voice --key-column 1 --label-column 4 a.csv >/dev/null
    run mm-fuse -m head.safetensors --label <"$D/a.csv"
    [ "$status" -ne 0 ]
}

@test "a head does not guess about a sample that has nothing for it" {
    mm-decode --as feature --of smell --key-column id --label-column class a.csv -o "$tmp/smell.mm"
    { mm-cat -w key=s001 "$tmp/smell.mm"; mm-cat -w key=s002 a.mm; } >"$tmp/in.mm"
    run mm-fuse -m head.safetensors --label -o "$tmp/o" "$tmp/in.mm"
    [ "$status" -eq 1 ]
    [[ "$output" == *"s001: no features of a modality that the head takes"* ]]
    [ "$(mm-cat -q -c "$tmp/o" | sort | tr '\n\t' ' =')" = "error=1 label=1 " ]
}
