# mm-fuse, mm-train and mm-eval end to end, on streams made by mm-decode --as feature.
bats_require_minimum_version 1.5.0

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

@test "interrupted training leaves no head, and resumes to the same one" {
    mm-train classify --seed 3 --epochs 400 --patience 0 -q -o "$tmp/want" a.mm b.mm
    mm-train classify --seed 3 --epochs 400 --patience 0 -q -o "$tmp/head" a.mm b.mm &
    pid=$!
    sleep 0.2
    kill -TERM $pid || true
    wait $pid || true # the signal may come after the last moment at which it matters
    [ ! -e "$tmp/head" ] || cmp "$tmp/head" "$tmp/want"
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
    [ "$status" -ne 0 ]
    [ ! -e "$tmp/h" ]
    mm-decode --as feature --of voice --key-column 1 --label-column 4 a.csv >/dev/null
    run mm-fuse -m head.safetensors --label <"$D/a.csv"
    [ "$status" -ne 0 ]
}

@test "a head predicts nothing for a sample without its inputs" {
    mm-decode --as feature --of smell --key-column id --label-column class a.csv -o "$tmp/smell.mm"
    { mm-cat -w key=s001 "$tmp/smell.mm"; mm-cat -w key=s002 a.mm; } >"$tmp/in.mm"
    run mm-fuse -m head.safetensors --label -o "$tmp/o" "$tmp/in.mm"
    [ "$status" -eq 1 ]
    [[ "$output" == *"s001: no features of a modality that the head takes"* ]]
    [ "$(mm-cat -q -c "$tmp/o" | sort | tr '\n\t' ' =')" = "error=1 label=1 " ]
}

# a.mm: keys 1 to 4; $1: the label that b.csv gives to key 1; keys 1 and 2 are in both
two_of_one_name() {
    cd "$tmp" || return 1
    printf 'id,a,b,class\n1,1,2,x\n2,3,4,y\n3,1,2,x\n4,3,4,y\n' >a.csv
    printf 'id,a,b,class\n1,1,2,%s\n2,3,4,y\n5,1,3,x\n6,2,2,y\n' "$1" >b.csv
    for i in a b; do mm-decode --as feature --of x --key-column id --label-column class $i.csv -o $i.mm; done
}

@test "two labels under one key are refused: the key, both labels and where they are from" {
    two_of_one_name y
    for inputs in "a.mm b.mm" "b.mm a.mm"; do
        # shellcheck disable=SC2086
        run mm-train classify -o h $inputs
        [ "$status" -eq 2 ]
        [ ! -e h ]
        [[ "$output" == *"key 1 has two labels: "*"x (a.csv)"* && "$output" == *"y (b.csv)"* ]]
    done
    run mm-train classify --valid b.mm -o h a.mm
    [ "$status" -eq 2 ]
    run mm-fuse --method concat -o o a.mm b.mm
    [ "$status" -eq 1 ]
    [[ "$output" == *"key 1 has two labels: x (a.csv) and y (b.csv)"* ]]
    [ "$(mm-cat -q -J o | jq -r '.key + " " + .kind' | sort)" = $'1 error\n2 feature\n3 feature\n4 feature\n5 feature\n6 feature' ]
    mm-train classify -q -o h a.mm
    run mm-label -m h a.mm b.mm
    [ "$status" -eq 1 ]
    [[ "$output" == *"key 1 has two labels: x (a.csv) and y (b.csv)"* ]]
    run mm-fuse --join time -m h --label -o o a.mm b.mm
    [ "$status" -eq 1 ]
    for i in a b; do mm-fuse -m h --label $i.mm >label-$i.mm; done
    run mm-fuse --method dempster -o o label-a.mm label-b.mm
    [ "$status" -eq 1 ]
    [[ "$output" == *"key 1 has two labels: x (a.csv) and y (b.csv)"* ]]
    cat a.mm b.mm >truth.mm
    mm-fuse -m h --label a.mm >labels.mm
    run mm-eval --truth truth.mm labels.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"two labels for key 1: x and y"* ]]
}

@test "two values of a field that is not learned do not matter, nor does a label where none is learned" {
    two_of_one_name y
    printf 'file,kind,class\n1,p,x\n2,q,y\n3,p,x\n4,q,y\n' >c.csv
    printf 'file,kind,class\n1,p,y\n2,q,y\n' >d.csv
    mkdir t && for i in 1 2 3 4; do echo "$i" >t/$i.txt; done
    mm-decode --labels c.csv t -o c.mm
    mm-decode -q --labels d.csv t -o d.mm
    run mm-train classify --label class -o h a.mm b.mm c.mm d.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"key 1 has two labels of class: x (t/1.txt) and y (t/1.txt)"* ]]
    mm-train classify -q --label kind -o h a.mm c.mm d.mm
    printf 'id,a,b,class\n1,1,2,p\n2,3,4,q\n3,5,4,q\n4,0,4,q\n' >f.csv
    mm-decode --as feature --of z --key-column id --label-column class f.csv -o f.mm
    mm-train align -q -o towers a.mm f.mm
}

@test "how many records made how many samples is said, and when several sources went into one modality" {
    two_of_one_name x
    run mm-train classify -o h a.mm
    [[ "$output" == *"mm-train: 4 samples of 4 records, "* && "$output" != *"several sources"* ]]
    run mm-train classify -o h a.mm b.mm
    [ "$status" -eq 0 ]
    [[ "$output" == *"mm-train: 6 samples of 8 records, "* ]]
    [[ "$output" == *"samples that are made of several sources of one modality: 2, such as 1; "* ]]
    run mm-fuse --method concat -v -o o a.mm b.mm
    [ "$status" -eq 0 ]
    [[ "$output" == *"8 records joined into 6 samples"* ]]
    [[ "$output" == *"samples that are made of several sources of one modality: 2, such as 1 (a.csv, b.csv); "* ]]
    run mm-fuse --method concat -o o a.mm
    [ "$output" = "" ]
}

@test "evidence about several fields is combined field by field, from any number of sources" {
    for of in image audio; do
        echo '{"kind": "label", "key": "a", "of": "'$of'", "label": {"1": 0.8, "2": 0.2}, "meta": {"field": "digit", "truth": {"digit": 1, "who": "x"}}}'
        echo '{"kind": "label", "key": "a", "of": "'$of'", "label": {"x": 0.9, "y": 0.1}, "meta": {"field": "who", "truth": {"digit": 1, "who": "x"}}}'
    done | python3 "$BATS_TEST_DIRNAME/records.py" >"$tmp/two.mm"
    # 0.8² and 0.2² over their sum; 0.9² and 0.1² over theirs
    mm-fuse --method dempster "$tmp/two.mm" | mm-cat -J | jq -e -s 'length == 2 and (map(.meta.field) == ["digit", "who"]) and
        (.[0].label | keys == ["1", "2"] and (.["1"] - 0.64 / 0.68 | fabs) < 1e-9) and (.[1].label.x - 0.81 / 0.82 | fabs) < 1e-9'
    mm-fuse --method dempster "$tmp/two.mm" | mm-eval --rounds 0 -f json | jq -e '.fields.digit.figures.accuracy.value == 1 and .fields.who.samples == 1'
    # twelve windows of one key: the last one counts as well
    for i in $(seq 0 11); do
        echo '{"kind": "label", "key": "b", "part": '$i', "of": "audio", "label": {"x": '$([ "$i" = 11 ] && echo 0.01 || echo 0.6)', "y": '$([ "$i" = 11 ] && echo 0.99 || echo 0.4)'}}'
    done | python3 "$BATS_TEST_DIRNAME/records.py" >"$tmp/windows.mm"
    mm-fuse --method dempster "$tmp/windows.mm" | mm-cat -J | jq -e '.label.x as $x | ((0.6 / 0.4 | . * . * . * . * . * . * . * . * . * . * .) / 99) as $odds | ($x - $odds / (1 + $odds) | fabs) < 1e-6'
}

@test "--of that no record is of is an error that lists what there is" {
    run -2 mm-fuse --method concat --of fac a.mm b.mm
    [[ "$output" == *'no record is of fac; did you mean "face"? (there are: voice, face)'* ]]
    run -0 mm-fuse --method mean --of face,voise -o "$tmp/o.mm" a.mm b.mm
    [[ "$output" == *'no record is of voise; did you mean "voice"?'* ]]
    run -2 mm-label --of fac -m head.safetensors a.mm b.mm
    [[ "$output" == *'did you mean "face"?'* ]]
    mm-train classify -q --of face --epochs 5 -o "$tmp/face.st" b.mm
    run -2 mm-label --of face -m "$tmp/face.st" a.mm
    [[ "$output" == *'no record is of face'*'(there are: voice)'* ]]
    run -2 mm-label --of voise --knn a.mm --by-key a.mm
}

@test "a name that fits nothing that came is an error that says what was meant and what there is" {
    run -2 mm-fuse --method concat --of voicd -o "$tmp/out" a.mm b.mm
    [[ "$output" == *'no record is of voicd; did you mean "voice"? (there are: voice, face)'* ]]
    [ ! -e "$tmp/out" ]
    run -2 mm-fuse -m head.safetensors --label --of voicd a.mm b.mm
    [[ "$output" == *'the head takes no voicd; did you mean "voice"?'* ]]
    run -2 mm-train classify --of voice,fase -o "$tmp/out" a.mm b.mm
    [[ "$output" == *'no record is of fase; did you mean "face"? (there are: voice, face)'* ]]
    mm-fuse -m head.safetensors --label a.mm | mm-cat -o "$tmp/l.mm"
    run -2 mm-fuse --method dempster -o "$tmp/e.mm" --reliability fusedd=0.5 "$tmp/l.mm"
    [[ "$output" == *'no record is of fusedd; did you mean "fused"?'* ]]
    run -2 mm-fuse --method dempster --of fusedd "$tmp/l.mm"
    [[ "$output" == *'no record is of fusedd'* ]]
    run -2 mm-fuse --method concat --reliability voice=0.5 a.mm
    run -2 mm-fuse --method concat --attention a.mm
    # records that it does not handle
    run -0 bash -c "printf 'x\n' | mm-decode --lines - | mm-fuse --method concat | mm-cat -c"
    [[ "$output" == *"no record of the input was a feature: mm-encode-image"* ]]
    run -0 bash -c "mm-fuse --method yager a.mm | mm-cat -c"
    [[ "$output" == *"no record of the input was a label record"* ]]
}

@test "a head that finds nothing that it takes says once what it takes" {
    mm-decode -q --as feature --of smell --key-column id --label-column class a.csv -o "$tmp/smell.mm"
    run -1 mm-fuse -m head.safetensors --label -o "$tmp/out" "$tmp/smell.mm"
    [ "${#lines[@]}" -eq 2 ]
    [[ "${lines[0]}" == *"s000: no features of a modality that the head takes (voice, face), only of smell" ]]
    [[ "${lines[1]}" == *"head.safetensors: ... and 119 more like it: "* ]]
    [ "$(mm-cat -q -c "$tmp/out")" = $'error\t120' ]
    # windows are left out and towers join nothing: there are no error records
    run -2 mm-fuse -m head.safetensors --join time "$tmp/smell.mm"
    [[ "$output" == *"the head takes features of voice, face; the input has smell" ]]
    mm-train align -q --epochs 1 -o "$tmp/towers" a.mm b.mm
    run -2 mm-fuse -m "$tmp/towers" -o "$tmp/none" "$tmp/smell.mm"
    [[ "$output" == *"the head takes features of voice, face; the input has smell" ]]
    [ ! -e "$tmp/none" ]
    # among others they do not matter
    mm-fuse -m "$tmp/towers" "$tmp/smell.mm" a.mm | mm-cat -q --count-by of | grep -qx $'voice\t120'
}

@test "evidence: --of chooses among the label records" {
    for of in a b; do
        echo '{"kind": "label", "key": "k", "of": "'$of'", "label": {"'$of'": 0.9, "z": 0.1}}' | "${MM_PYTHON:-python3}" "$BATS_TEST_DIRNAME/records.py" >"$tmp/$of.mm"
    done
    mm-fuse --method dempster --of a "$tmp/a.mm" "$tmp/b.mm" | mm-cat -J | jq -e '.label.a > 0.89 and .label.b == null'
}

@test "the text of a sample of one record stays with it" {
    for i in 1 2 3 4; do
        echo '{"kind": "feature", "key": "k'$i'", "of": "text", "part": '$i', "data": {"f32": ['$i', 1]}, "meta": {"text": "caption '$i'"}}'
        echo '{"kind": "feature", "key": "k'$i'", "of": "image", "data": {"f32": ['$i', 2]}}'
    done | "${MM_PYTHON:-python3}" "$BATS_TEST_DIRNAME/records.py" >"$tmp/pairs.mm"
    mm-train align -q --epochs 2 --hidden 4 -o "$tmp/towers" "$tmp/pairs.mm"
    mm-fuse -m "$tmp/towers" "$tmp/pairs.mm" -o "$tmp/joint.mm"
    [ "$(mm-cat -w of=text -J "$tmp/joint.mm" | jq -r .meta.text | paste -sd,)" = "caption 1,caption 2,caption 3,caption 4" ]
    # so a search names what it looked for, and what it found
    mm-cat -w of=text -o "$tmp/texts.mm" "$tmp/joint.mm"
    mm-cat -w of=image -o "$tmp/images.mm" "$tmp/joint.mm"
    [ "$(mm-label --knn "$tmp/images.mm" -f hits -k 1 --no-header "$tmp/texts.mm" | cut -f9 | head -n 1)" = "caption 1" ]
    [ "$(mm-label --knn "$tmp/texts.mm" -f hits -k 4 --no-header "$tmp/images.mm" | cut -f10 | sort -u | wc -l)" -eq 4 ]
    # a sample of several records is not the text of one
    mm-fuse --method concat "$tmp/pairs.mm" | mm-cat -J | jq -e -s 'length == 4 and all(.meta.text == null)'
    mm-fuse --method concat "$tmp/texts.mm" | mm-cat -J | jq -e -s 'all(.meta.text | startswith("caption"))'
}

@test "a label field that nothing has, and one that is given twice, are refused" {
    mm-fuse -m head.safetensors --label -o "$tmp/p.mm" a.mm b.mm
    mm-eval --field label "$tmp/p.mm"
    mm-eval -f json "$tmp/p.mm" > "$tmp/j"
    ! grep -E '[1-9][0-9]{16}' "$tmp/j" || false
    run -2 mm-eval --field foo "$tmp/p.mm"
    [[ "$output" == *"no label field foo"* ]]
    echo '{"kind": "feature", "key": "a", "of": "x", "data": {"f32": [1, 0]}, "label": {"one": "c"}}' |
        python3 "$BATS_TEST_DIRNAME/records.py" > "$tmp/map.mm"
    run -2 mm-label --knn "$tmp/map.mm" --field foo "$tmp/map.mm"
    [[ "$output" == *"no label field foo"* ]]
    run -2 mm-train classify --label label --label label -o "$tmp/x" a.mm
    [[ "$output" == *"label field label is given twice"* ]]
}

@test "mm-train align with one modality, and mm-label without a feature, say what is missing" {
    run -2 mm-train align -o "$tmp/x" a.mm
    [[ "$output" == *"align needs two modalities under one key; there is only voice"* ]]
    run -2 mm-train clasify -o "$tmp/x" a.mm
    [[ "$output" == *"not 'clasify'"* ]]
    echo hi | mm-decode - -o "$tmp/text.mm"
    run -2 mm-label --knn a.mm -o "$tmp/none" "$tmp/text.mm"
    [[ "$output" == *"no record of the input was a feature"* ]]
    [ ! -e "$tmp/none" ]
}

@test "a record that makes no sense and a stream that breaks off are error records" {
    odd='{"kind": "feature", "key": 5}'
    { mm-cat -w 'key~s00[01]' a.mm; echo "$odd" | python3 "$BATS_TEST_DIRNAME/records.py"; mm-cat -w key=s002 a.mm | head -c -1; } >"$tmp/in.mm"
    run -1 mm-fuse --method concat -o "$tmp/o" "$tmp/in.mm"
    [ "$(mm-cat -q -J "$tmp/o" | jq -r '.error.code // .key' | paste -sd,)" = s000,record,stream,s001 ] # the open sample ends last
    mm-cat -w 'key~s00[01]' b.mm >"$tmp/b.mm"
    run -1 mm-fuse --method concat -o "$tmp/o" "$tmp/b.mm" "$tmp/in.mm"
    [ "$(mm-cat -q -J -w kind=error "$tmp/o" | jq -r .error.code | sort | paste -sd,)" = record,stream ]
    [ "$(mm-cat -q -J -w kind=feature "$tmp/o" | jq -r .key | paste -sd,)" = s000,s001 ]
}
