#!/usr/bin/env bats
# mm-train, its search, and heads through mm-fuse.
bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR"
    # two classes in two dimensions beside three of noise; the second modality says it more weakly
    awk 'BEGIN { srand(7); for (i = 0; i < 160; i++) { y = i % 2; printf "g%d/s%d", i / 4, i
           for (d = 0; d < 5; d++) printf ",%.4f", (d < 2 ? (y ? 1 : -1) : 0) + 2 * rand() - 1
           print "," (y ? "yes" : "no") } }' > a.csv
    awk 'BEGIN { srand(8); for (i = 0; i < 160; i++) { y = i % 2; printf "g%d/s%d", i / 4, i
           for (d = 0; d < 3; d++) printf ",%.4f", (y ? 0.2 : -0.2) + 2 * rand() - 1
           print "" } }' > b.csv
    mm-decode -q --as feature --of text --key-column 1 --label-column 7 -o a.mm a.csv
    mm-decode -q --as feature --of image --key-column 1 -o b.mm b.csv
}

accuracy() {
    mm-fuse -m "$1" --label a.mm b.mm | mm-eval --rounds 0 -f json | jq .figures.accuracy.value
}

@test "every method learns what two modalities say" {
    for method in linear mlp gated routing attention cross dempster; do
        mm-train classify -q --method $method --epochs 15 --lr 1e-2 -o $method.safetensors a.mm b.mm
        [ "$(accuracy $method.safetensors | awk '{ print ($1 > 0.85) }')" = 1 ]
    done
}

@test "a search takes the best, is the same at any -j, and leaves no other file" {
    grid='lr=1e-4..1e-1:log,batch=16|32,method=mlp|linear,hidden=4..32'
    mm-train classify -q --grid "$grid" --trials 9 --epochs 9 -j 1 -o one.safetensors a.mm b.mm > one.tsv
    mm-train classify -q --grid "$grid" --trials 9 --epochs 9 -j 3 -o three.safetensors a.mm b.mm > three.tsv
    cmp one.safetensors three.safetensors
    cmp one.tsv three.tsv
    [ "$(wc -l < one.tsv)" = 10 ]
    [ "$(awk -F'\t' '$NF == 1' one.tsv | wc -l)" = 1 ]
    # three rungs: nine trials run a ninth of their epochs, three a third, one all
    [ "$(cut -f6 one.tsv | sed 1d | sort | uniq -c | awk '{ printf "%s ", $1 }')" = "6 2 1 " ]
    [ ! -e one.safetensors.search ]
    [ "$(accuracy one.safetensors | awk '{ print ($1 > 0.85) }')" = 1 ]
}

@test "a grid of lists tries every point, once" {
    mm-train classify -q --grid 'hidden=4|8,batch=16|32|64' --epochs 3 -o x.safetensors a.mm > t.tsv
    [ "$(cut -f2,3 t.tsv | sed 1d | sort -u | wc -l)" = 6 ]
    mm-train classify -q --grid 'hidden=4|8,batch=16|32|64' --trials 4 --epochs 3 -o x.safetensors a.mm --log u.tsv
    [ "$(cut -f2,3 u.tsv | sed 1d | sort -u | wc -l)" = 4 ]
}

@test "an interrupted search resumes to the same result" {
    grid='lr=1e-3..1e-2:log,batch=2|4'
    args=(--grid "$grid" --trials 9 --epochs 90 --patience 0 -j 1)
    mm-train classify -q "${args[@]}" -o whole.safetensors a.mm b.mm > whole.tsv
    mm-train classify -q "${args[@]}" -o cut.safetensors a.mm b.mm > cut.tsv 3>&- & pid=$!
    until ls cut.safetensors.search/0001.rung1 2>/dev/null; do sleep 0.02; done
    kill -9 $pid; wait $pid || true
    [ ! -e cut.safetensors ]
    run -2 mm-train classify -q --grid "$grid,hidden=8|16" --resume -o cut.safetensors a.mm b.mm
    [[ "$output" == *"another search"* ]]
    # as if it had been stopped between a trial's checkpoint and its result
    [ -e cut.safetensors.search/0001.rung1.checkpoint ]
    rm cut.safetensors.search/0001.rung1
    mm-train classify -q "${args[@]}" --resume -o cut.safetensors a.mm b.mm > cut.tsv
    cmp whole.safetensors cut.safetensors
    cmp whole.tsv cut.tsv
}

@test "a trial that fails is reported and does not end the search" {
    run --separate-stderr mm-train classify -q --grid 'lr=1e30|1e-2' --epochs 4 --raw --clip 0 -o x.safetensors a.mm
    [ "$status" -eq 0 ]
    [ "$(awk -F'\t' '$NF == 1 { print $2 }' <<< "$output")" = 1e-2 ]
}

@test "grids that make no sense are refused before anything is read" {
    for grid in '' lr lr= lr=1..x lr=2..1 lr=-1..1:log lr=1..2:lin 'lr=1|' 'lr=1,lr=2' valid-fraction=0.1 nonsense=1 batch=x method=other; do
        run -2 mm-train classify --grid "$grid" -o x.safetensors none.mm
        [[ "$output" == *--grid* ]]
    done
    run -2 mm-train classify --trials 3 -o x.safetensors none.mm
    run -2 mm-train classify --grid lr=1 --valid-fraction 0 -o x.safetensors a.mm
    [ ! -e x.safetensors ]
}

@test "projection heads: each record for itself, in order, others untouched" {
    { cat b.mm; mm-decode -q --as feature --of text --key-column 1 --label-column 7 a.csv
      sed 's/,0\./,1./' a.csv > c.csv; mm-decode -q --as feature --of text --key-column 1 --label-column 7 c.csv; } > pairs.mm
    mm-train align -q --hidden 4 --epochs 3 -o towers.safetensors pairs.mm
    printf 'a text\n' | mm-decode -q --lines - > text.mm
    cat b.mm text.mm a.mm > in.mm
    mm-fuse -m towers.safetensors in.mm > out.mm
    mm-cat -t -f key,kind,of,label in.mm > in.tsv
    mm-cat -t -f key,kind,of,label out.mm > out.tsv
    cmp in.tsv out.tsv
    mm-fuse -m towers.safetensors pairs.mm | mm-cat --count-by of | grep -q '^text.320'
}

@test "modality dropout, log, resume of one training" {
    mm-train classify -q --modality-dropout 0.5 --epochs 4 --log log.tsv -o x.safetensors a.mm b.mm
    [ "$(wc -l < log.tsv)" = 5 ]
    mm-fuse -m x.safetensors --label b.mm | mm-cat -c | grep -q label
}

@test "what an interrupted training left is not discarded without a word" {
    : > y.safetensors.checkpoint
    run mm-train classify --epochs 1 -o y.safetensors a.mm b.mm
    [ "$status" -eq 0 ]
    [[ "$output" == *"y.safetensors.checkpoint of an interrupted training is discarded; --resume"* ]]
    mkdir y.safetensors.search
    run mm-train classify --epochs 1 --grid 'lr=1e-3|1e-2' -o y.safetensors a.mm b.mm
    [ "$status" -eq 0 ]
    [[ "$output" == *"y.safetensors.search of an interrupted search is discarded; --resume"* ]]
    ln -s a.mm z.safetensors.part
    run -2 mm-train classify --epochs 1 -o z.safetensors a.mm b.mm
    [[ "$output" == *"z.safetensors.part: a symbolic link"* ]]
}

@test "L-BFGS: as good, the same at any -j, and not with dropout" {
    args=(--method linear --solver lbfgs --weight-decay 1)
    mm-train classify -q "${args[@]}" -j 1 -o one.safetensors a.mm b.mm
    mm-train classify -q "${args[@]}" -j 3 -o three.safetensors a.mm b.mm
    cmp one.safetensors three.safetensors
    [ "$(accuracy one.safetensors | awk '{ print ($1 > 0.85) }')" = 1 ]
    run -2 mm-train classify "${args[@]}" --modality-dropout 0.3 -o x.safetensors a.mm b.mm
    [[ "$output" == *"no dropout"* ]]
    # a search may choose it, and stops it as it stops others
    mm-train classify -q --grid 'solver=adamw|lbfgs,weight-decay=0.1|1|10' --method linear -o x.safetensors a.mm b.mm > t.tsv
    [ "$(sed 1d t.tsv | cut -f2,3 | sort -u | wc -l)" = 6 ]
}

@test "refit: as many epochs as were best, on all samples" {
    args=(--method linear --solver lbfgs --weight-decay 0 --raw)
    mm-train classify -q "${args[@]}" --log log.tsv -o held.safetensors a.mm b.mm
    best=$(awk -F'\t' '$6 == 1 { n = $1 } END { print n }' log.tsv)
    mm-train classify -q "${args[@]}" --refit -o refit.safetensors a.mm b.mm
    mm-train classify -q "${args[@]}" --valid-fraction 0 --epochs "$best" -o all.safetensors a.mm b.mm
    for head in held refit all; do # the vectors of a linear head are its logits
        mm-fuse -m $head.safetensors a.mm b.mm | mm-cat -J --data | jq -c .data.values > $head.json
    done
    cmp refit.json all.json
    run -1 cmp -s refit.json held.json
    # mini-batches: another head, as good
    mm-train classify -q --epochs 8 --refit -o refit.safetensors a.mm b.mm
    mm-train classify -q --epochs 8 -o held.safetensors a.mm b.mm
    run -1 cmp -s refit.safetensors held.safetensors
    [ "$(accuracy refit.safetensors | awk '{ print ($1 > 0.85) }')" = 1 ]
}

@test "several label fields: one head, an output for each" {
    awk -F, 'BEGIN { print "file,answer,half" } { split($1, k, "s"); print $1 ".txt," $NF "," (k[2] < 80 ? "first" : "second") }' a.csv > labels.csv
    cut -d, -f1 a.csv | while read -r key; do mkdir -p "texts/${key%/*}"; echo x > "texts/$key.txt"; done
    mm-decode -q --labels labels.csv -o labels.mm texts
    mm-cat -w kind=feature a.mm | mm-cat -J | head -n 1 | jq -e '.label == "no"'
    mm-train classify -q --label answer --label half -o two.safetensors labels.mm a.mm b.mm
    mm-label -m two.safetensors --field answer -n 2 -f stream a.mm b.mm | mm-cat -J | jq -e -s 'length == 160 and all(.label | keys == ["no", "yes"])'
    mm-label -m two.safetensors --field half -n 2 -f stream a.mm b.mm | mm-cat -J | jq -e -s 'length == 160 and all(.label | keys == ["first", "second"])'
    mm-label -m two.safetensors --field answer -f stream a.mm b.mm > said.mm
    mm-eval --truth labels.mm --field answer --rounds 0 -f json said.mm | jq -e '.samples == 160 and .figures.accuracy.value > 0.85'
}

@test "numbers of any size: ages around forty, a scale of a thousandth" {
    awk 'BEGIN { srand(3); print "id,a,b,c,age" > "age.csv"; print "id,a,b,c,tiny" > "tiny.csv"
        for (i = 0; i < 300; i++) { a = 2 * rand() - 1; b = 2 * rand() - 1; y = a - b * b / 2 + rand() / 10
            printf "k%03d,%.4f,%.4f,%.4f,%.3f\n", i, a, b, rand(), 40 + 25 * y > "age.csv"
            printf "k%03d,%.4f,%.4f,%.4f,%.7f\n", i, a, b, rand(), y / 1000 > "tiny.csv" } }'
    for name in age tiny; do
        mm-decode -q --as feature --of image --key-column id --label-column $name -o $name.mm $name.csv
        for args in '--method mlp' '--method linear' '--method linear --solver lbfgs' '--method gated --refit'; do
            mm-train regress -q $args --epochs 60 --lr 1e-2 -o x.safetensors $name.mm
            mm-fuse -m x.safetensors --label $name.mm | mm-eval --rounds 0 -f json | jq -e '.figures.R2.value > 0.85'
        done
    done
}

@test "columns of one table have units of their own: farads beside ohms" {
    cd "$BATS_TEST_TMPDIR"
    python3 - <<'EOF'
import random
random.seed(4)
with open("alike.csv", "w") as a, open("units.csv", "w") as b:
    for i in range(200):
        x, y = random.gauss(0, 1), random.gauss(0, 1)
        label = "high" if x + y > 0 else "low"
        print(f"{x!r},{y!r},{label}", file=a)
        print(f"{x * 1e-12!r},{y * 1e6!r},{label}", file=b)
EOF
    for t in alike units; do
        mm-decode -q --as feature --label-column 3 $t.csv >$t.mm
        mm-train classify -q --method linear --solver lbfgs -o $t.st $t.mm
        mm-fuse -m $t.st --label $t.mm | mm-eval -f json --rounds 0 | jq '.figures.accuracy.value' >$t.accuracy
    done
    cmp alike.accuracy units.accuracy && jq -e '. > 0.95' units.accuracy
}

@test "columns in any unit are learned alike, and few samples are learned at all by default" {
    awk 'BEGIN { srand(5); for (u = -9; u <= 9; u += 9) { file = "u" u ".csv"; srand(5); s = 10 ^ u
        for (i = 0; i < 300; i++) { printf "s%d", i > file; for (d = 0; d < 4; d++)
            printf ",%.9g", s * ((d == i % 3) * 1.2 + rand() + rand() + rand()) > file; print ",c" i % 3 > file } } }'
    for unit in -9 0 9; do
        mm-decode -q --as feature --of table --key-column 1 --label-column 6 u$unit.csv > u.mm
        for args in '--solver lbfgs --weight-decay 1' '--solver adamw'; do
            mm-train classify -q --method linear --valid-fraction 0 $args -o x.safetensors u.mm
            mm-fuse -m x.safetensors --label u.mm | mm-eval --rounds 0 -f json | jq .figures.accuracy.value
        done
    done > accuracy
    # the minimum is scikit-learn's, whatever the unit (test_lbfgs); mini-batches come close to it
    [ "$(sed -n '1~2p' accuracy | sort -u | wc -l)" = 1 ]
    awk 'NR % 2 { best = $1 } NR % 2 == 0 && ($1 < best - 0.02 || $1 < 0.85) { exit 1 }' accuracy
}

@test "without validation nothing is said that is not known" {
    for args in '' '--solver lbfgs'; do
        run -0 mm-train classify -v --method linear $args --epochs 5 --valid-fraction 0 --log log.tsv -o x.safetensors a.mm
        [[ "${output,,}" != *nan* ]]
        [[ "$output" == *"160 samples of 160 records, none for validation; 5 epochs: loss 0."* ]]
        [[ "$(cat log.tsv)" != *nan* ]]
        awk -F'\t' 'NF != 6 { exit 1 }' log.tsv
    done
}

@test "what ended too early is said" {
    run -0 mm-train classify --method linear --epochs 20 --lr 1e-4 --valid-fraction 0 -o x.safetensors a.mm
    [[ "$output" == *"still falling"*"--epochs"* ]]
    run -0 mm-train classify --method linear --solver lbfgs --epochs 2 -o x.safetensors a.mm
    [[ "$output" == *"minimum is not reached"* ]]
    for args in '' '--valid-fraction 0' '--solver lbfgs'; do
        run -0 mm-train classify --method linear $args -o x.safetensors a.mm
        [[ "$output" != *falling* && "$output" != *minimum* ]]
    done
}

@test "the temperature is reported, and is no sharper than the samples" {
    # two classes far apart: no sample that validates is wrong
    awk 'BEGIN { for (i = 0; i < 100; i++) printf "s%d,%d,%d,%s\n", i, (i % 2) * 100 + i % 7, i % 5, i % 2 ? "yes" : "no" }' > far.csv
    mm-decode -q --as feature --of table --key-column 1 --label-column 4 -o far.mm far.csv
    run -0 mm-train classify --method linear --solver lbfgs --weight-decay 1 -o x.safetensors far.mm
    [[ "$output" =~ "100 samples of 100 records, 20 of them for validation; best epoch "[0-9]+": validation loss "[0-9.]+", accuracy 1.0000, temperature "[0-9.]+ ]]
    # twenty samples without a mistake: one in twenty-two may be one
    mm-label -m x.safetensors --no-header far.mm | awk -F'\t' '$7 > 0.99 { exit 1 } { sum += $7 } END { exit !(sum / NR < 0.975 && sum / NR > 0.93) }'
}

@test "--grid given twice searches over both, and the table names what it shows" {
    mm-train classify -q --grid 'hidden=4|8' --grid 'epochs=2|3' -o x.safetensors a.mm > t.tsv
    [ "$(head -n 1 t.tsv)" = $'trial\thidden\tepochs\trung\tran_epochs\tbest_epoch\tvalid_loss\taccuracy\tbest' ]
    [ "$(sed 1d t.tsv | cut -f2,3 | sort -u | wc -l)" = 4 ]
    run -2 mm-train classify --grid 'lr=1|2' --grid 'lr=3|4' -o x.safetensors a.mm
    [[ "$output" == *"lr is given twice"* ]]
}

@test "label fields that cannot be learned: what there is, and what to say" {
    awk -F, 'BEGIN { print "file,answer,split,age" } { print $1 ".txt," $NF ",train," NR }' a.csv > labels.csv
    cut -d, -f1 a.csv | while read -r key; do mkdir -p "texts/${key%/*}"; echo x > "texts/$key.txt"; done
    mm-decode -q --labels labels.csv -o l.mm texts
    run -2 mm-train classify -o x.safetensors l.mm b.mm
    [[ "$output" == *"label field split has only one value, train"*"(fields: answer, split, age); choose one with --field"* ]]
    run -2 mm-train classify --label anwser -o x.safetensors l.mm b.mm
    [[ "$output" == *'no record has a label field anwser; did you mean "answer"?'*split* ]]
    run -2 mm-train regress --field answer -o x.safetensors l.mm b.mm
    [[ "$output" == *"label field answer has values such as \"no\", not numbers"* ]]
}

@test "--resume says where training resumes" {
    mm-train --help | tr -s ' \n' ' ' | grep -q -- '--resume go on from the checkpoint'
    run -2 mm-train classify --resume a.mm
    [[ "$output" == *"--resume needs -o FILE"* ]]
}

@test "a checkpoint that an earlier build wrote is resumed" {
    for i in $(seq 0 7); do
        echo '{"kind": "feature", "key": "k'$i'", "src": "k'$i'", "of": "image", "data": {"f32": ['$((i % 2))', '$((i % 3))']}, "label": "c'$((i % 2))'"}'
    done | python3 "$BATS_TEST_DIRNAME/records.py" > eight.mm
    train() { mm-train classify --method linear --valid-fraction 0 --epochs 60000 --batch 1 --patience 0 "$@" -o x.safetensors eight.mm; }
    cp "$BATS_TEST_DIRNAME/../goldens/heads/interrupted.checkpoint" x.safetensors.checkpoint
    run -0 train -v --resume
    [[ "$output" == *"epoch 60000: "* && "$output" != *"epoch 56000: "* ]]
    cp "$BATS_TEST_DIRNAME/../goldens/heads/interrupted.checkpoint" x.safetensors.checkpoint
    run -2 train --resume --seed 2
    [[ "$output" == *"other data or options"* ]]
}

@test "a validation that says nothing leaves the last epoch, not the untrained head" {
    for i in 0 1 2 3 4 5 6; do for of in image text; do
        echo '{"kind": "feature", "key": "k'$i'", "of": "'$of'", "data": {"f32": ['$i', 1, '$((i * i % 5))']}}'; done; done |
        python3 "$BATS_TEST_DIRNAME/records.py" > pairs.mm
    run -0 mm-train align --hidden 4 --epochs 8 --seed 1 -o x.safetensors pairs.mm
    [[ "$output" == *"7 samples"*"1 of them for validation; best epoch 8: validation loss -, recall@1 -"* ]]
    [[ "$output" == *"too few validation samples"* ]]
}

@test "what is left out is said: labels that are not numbers, columns that do not vary" {
    for i in $(seq 0 39); do
        echo '{"kind": "feature", "key": "k'$i'", "of": "x", "data": {"f32": ['$i', 7, '$((i % 3))']}, "label": "'$([ $((i % 20)) = 9 ] && echo n/a || echo $i)'"}'
    done | python3 "$BATS_TEST_DIRNAME/records.py" > some.mm
    run -0 mm-train regress -v --epochs 5 -o x.safetensors some.mm
    [[ "$output" == *'labels of label that are not numbers and do not count: 2, such as "n/a"'* ]]
    [[ "$output" == *"1 of 3 columns of x do not vary and are left out: 2"* ]]
    [[ "$output" == *"38 samples"* ]]
    run -0 mm-train classify --epochs 5 -o x.safetensors a.mm
    [[ "$output" != *"do not"* ]]
}

@test "an empty label is none" {
    for i in $(seq 0 39); do
        echo '{"kind": "feature", "key": "k'$i'", "of": "x", "data": {"f32": ['$((i % 4))', '$((i % 3))']}, "label": "'$([ $((i % 4)) = 3 ] || echo c$((i % 2)))'"}'
    done | python3 "$BATS_TEST_DIRNAME/records.py" > gaps.mm
    run -0 mm-train classify -o x.safetensors gaps.mm
    [[ "$output" == *"30 samples"* ]]
    mm-label -m x.safetensors -n 9 -f jsonl gaps.mm | jq -e -s 'length == 40 and all(.labels | map(.label) | sort == ["c0", "c1"])'
    mm-fuse -m x.safetensors --label gaps.mm | mm-eval --rounds 0 -f json 2> said | jq -e '.samples == 30 and (.classes | length) == 2'
    grep -q 'predictions that do not count, without a value or ground truth: 10' said
}

@test "--group: an expression that fits no key, or makes one group of all, is refused; one that fits some is reported" {
    awk 'BEGIN { for (i = 0; i < 40; i++) printf "recordings/%d_%s_%d,%d,%d,c%d\n", i % 2, i % 4 < 2 ? "george" : "lucas", i, i % 2 * 3, i % 5, i % 2 }' > r.csv
    mm-decode -q --as feature --of audio --key-column 1 --label-column 4 -o r.mm r.csv
    run -2 mm-train classify --group nomatch -o r.safetensors r.mm
    [[ "$output" == *"--group 'nomatch' fits no key (such as recordings/0_george_0)"* ]]
    run -2 mm-train classify --group '^[^/]*' -o r.safetensors r.mm
    [[ "$output" == *'all 40 samples are one group, "recordings": nothing is left to validate with'* ]]
    [ ! -e r.safetensors ]
    # what is meant: the parentheses
    run -0 --separate-stderr mm-train classify --epochs 2 --group '_([^_/]*)_[^_/]*$' --valid-fraction 0.5 -o r.safetensors r.mm
    [[ "$stderr" == *"40 samples"*"20 of them for validation"* && "$stderr" != *group* ]]
    run -0 mm-train classify --epochs 2 --group 'george' --valid-fraction 0.5 -o r.safetensors r.mm
    [[ "$output" == *"--group 'george' fits 20 of 40 keys; each of the others, such as recordings/"*", is a group of its own"* ]]
    # without validation one group does no harm
    run -0 mm-train classify --epochs 2 --group '^[^/]*' --valid-fraction 0 -o r.safetensors r.mm
    run -2 mm-train classify --group '(' -o r.safetensors r.mm
    [[ "$output" == *"not a regular expression"* ]]
}

@test "--group: groups that are too large to validate with are reported" {
    awk 'BEGIN { for (i = 0; i < 60; i++) printf "%s/%d,%d,%d,c%d\n", i % 2 ? "a" : "b", i, i % 2 * 3, i % 5, i % 2 }' > r.csv
    mm-decode -q --as feature --of audio --key-column 1 --label-column 4 -o r.mm r.csv
    run -0 mm-train classify --epochs 2 --group '^[^/]*' --valid-fraction 0.1 -o r.safetensors r.mm
    [[ "$output" == *"no group validates: "*"--valid-fraction 0.1"* ]]
}

@test "--label takes fields one by one or separated by commas; a head's reference labels are of its own field" {
    for i in $(seq 40); do
        echo '{"kind": "feature", "key": "k'$i'", "of": "x", "data": {"f32": ['$((i % 2 * 3))', '$((i % 5))']}, "label": {"digit": "d'$((i % 2))'", "speaker": "s'$((i % 4))'", "take": '$i'}}'
    done | python3 "$BATS_TEST_DIRNAME/records.py" > two.mm
    mm-train classify -q --epochs 3 --label digit --label speaker -o apart.safetensors two.mm
    mm-train classify -q --epochs 3 --label digit,speaker -o list.safetensors two.mm
    cmp apart.safetensors list.safetensors
    run -2 mm-train classify --label digit,speeker -o x.safetensors two.mm
    [[ "$output" == *'no record has a label field speeker; did you mean "speaker"? (there are: '* ]]
    mm-label -m list.safetensors -f jsonl two.mm > lines
    jq -e -s 'length == 80 and all(.truth | type == "string") and .[0].field == "digit" and .[0].truth == "d1" and .[1].truth == "s1"' lines
}

@test "--valid-share is the former name of --valid-fraction: the same file, and a notice" {
    mm-train classify --method linear --epochs 2 --valid-fraction 0.4 -o new.safetensors a.mm 2> new.txt
    mm-train classify --method linear --epochs 2 --valid-share 0.4 -o old.safetensors a.mm 2> old.txt
    cmp new.safetensors old.safetensors
    ! grep -q 'valid-share' new.txt || false
    grep -q -- '--valid-share.*--valid-fraction' old.txt
    ! mm-train --help | grep -q 'valid-share'
}
