# What every tool shares, seen through mm-cat.

setup() {
    data=$PWD/tests/goldens
    cd "$BATS_TEST_TMPDIR"
    q=$data/label/queries.mm
}

@test "every tool answers --help and --version, and completions that their shells accept" {
    for tool in "$MM_BUILD"/bin/mm-*; do
        "$tool" --help | grep -q "^Usage: $(basename "$tool") "
        "$tool" --version | grep -Eq '^mm-[a-z-]+ \(mm tools\) [0-9.]+$'
        "$tool" --help=bash | bash -n
        "$tool" --help=fish | grep -q '^complete -c mm-'
        "$tool" --help=zsh | head -1 | grep -q '^#compdef mm-'
        # in shells that make check installs
        if command -v zsh; then "$tool" --help=zsh | zsh -n; fi
        if command -v fish; then "$tool" --help=fish | HOME=$PWD fish -n; fi
    done
}

@test "bash completes options and choices" {
    eval "$(mm-cat --help=bash)"
    COMP_WORDS=(mm-cat --summ) COMP_CWORD=1
    _mm_cat
    [ "${COMPREPLY[*]}" = --summary ]
    COMP_WORDS=(mm-cat --help = f) COMP_CWORD=3
    _mm_cat
    [ "${COMPREPLY[*]}" = fish ]
}

# completes WORD...: what bash offers for the last of them, one a line
completes() {
    eval "$("$1" --help=bash)"
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    "_${1//-/_}"
    [ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
}

# a directory of models: one of images, one of text, one whose name is a trap
models() {
    export MM_MODELS=$PWD/models XDG_DATA_HOME=$PWD/none
    mkdir models
    cp -r "$data/encode/vit" models/my-vit
    cp -r "$data/encode/bert" models/my-bert
    cp -r "$data/encode/vit" 'models/my $(touch trap) vit'
}

@test "bash completes commands, models of the tool's kind, and files whatever they are called" {
    models
    [ "$(completes mm-model in)" = info ]
    [ "$(completes mm-model "" | sort | paste -sd ' ')" = "devices fetch import info list pack verify" ]
    [ "$(completes mm-train --epochs 3 c)" = classify ]
    [ "$(completes mm-model info my-)" = $'my-bert\nmy-vit' ]
    [ "$(completes mm-encode-image -m my-)" = my-vit ]
    [ "$(completes mm-encode-text -m my-)" = my-bert ]
    [ -z "$(completes mm-encode-audio -m my-)" ]
    [ "$(completes mm-encode-image -m my)" = $'my $(touch trap) vit\nmy-vit' ]
    [ ! -e trap ]
    touch 'two words.mm' 'two $(touch trap).mm' "it's.mm"
    [ "$(completes mm-cat two | sort)" = $'two $(touch trap).mm\ntwo words.mm' ]
    [ ! -e trap ]
    [ "$(completes mm-cat -o it)" = "it's.mm" ]
    [ "$(completes mm-train classify two | wc -l)" -eq 2 ]
    [ -z "$(completes mm-model fetch tw)" ]
    [ -z "$(completes mm-cat --head tw)" ]
}

@test "a tab in bash ends up as the file that was meant" {
    command -v script || skip "no script(1)"
    script -qec true /dev/null </dev/null >/dev/null || skip "no pseudo-terminals here"
    touch 'two words.mm' it.mm
    mm-cat --help=bash >completion
    printf '%s\n' 'PS1= ; . ./completion; mm-cat() { printf "%s\n" "$@" >>said; }' \
        $'mm-cat tw\t' $'mm-cat -o two\\ w\t it\t' $'mm-cat --summ\t "two\t' exit >keys
    script -qec 'bash --norc --noprofile -i' /dev/null <keys >/dev/null
    [ "$(cat said)" = $'two words.mm\n-o\ntwo words.mm\nit.mm\n--summary\ntwo words.mm' ] || { cat said; false; }
}

@test "fish completes commands and models" {
    command -v fish || skip "no fish"
    models
    export HOME=$PWD
    offers() { fish -c "$1 --help=fish | source; complete -C '$*'" | cut -f1; }
    [ "$(offers mm-model in)" = info ]
    [ "$(offers mm-model info my-)" = $'my-bert\nmy-vit' ]
    [ "$(offers mm-encode-text -m my-)" = my-bert ]
    [ "$(offers mm-train cl)" = classify ]
}

@test "usage errors exit with 2, say what is wrong and what was meant" {
    run mm-cat --sumary "$q"
    [ "$status" -eq 2 ]
    [[ "$output" == *"did you mean '--summary'"* ]]
    run mm-cat --he "$q"
    [ "$status" -eq 2 ]
    [[ "$output" == *"could be"* ]]
    run mm-cat --head
    [ "$status" -eq 2 ]
    [[ "$output" == *"needs a value"* ]]
    run mm-cat --head=x "$q"
    [ "$status" -eq 2 ]
    [[ "$output" == *"whole number"* ]]
    run mm-cat -Jt "$q"
    [ "$status" -eq 2 ]
}

@test "numbers out of an option's bounds are refused: of training, of decoding, of labels, in every tool" {
    refuses() { # message, command
        run "${@:2}"
        [ "$status" -eq 2 ]
        [[ "$output" == *"$1"* ]]
    }
    train=(mm-train classify -o x.safetensors none.mm)
    for name in dropout modality-dropout warmup smoothing valid-fraction; do
        refuses "--$name takes 0 to 1, not '2'" "${train[@]}" --$name 2
        refuses "--$name takes 0 to 1, not '-1'" "${train[@]}" --$name -1
    done
    for name in weight-decay clip; do refuses "--$name takes 0 or more, not '-1'" "${train[@]}" --$name -1; done
    for value in 0 -1 inf; do refuses "--lr takes a number above 0, not '$value'" "${train[@]}" --lr $value; done
    refuses "--grid: --dropout takes 0 to 1, not '2'" "${train[@]}" --grid 'dropout=0.1|2'
    refuses "--grid: --dropout takes 0 to 1, not '2'" "${train[@]}" --grid 'dropout=0..2' --trials 1
    refuses "--grid: --lr takes a number above 0, not '0'" "${train[@]}" --grid 'lr=0..1' --trials 1
    refuses "--grid: --batch takes 1 to 1048576, not '0'" "${train[@]}" --grid 'batch=0..8' --trials 1
    refuses "--seed takes 0 or more, not '-1'" "${train[@]}" --seed -1
    for name in window hop fps max-duration max-ratio; do
        refuses "--$name takes a number above 0, not '-1'" mm-decode --window 1 --$name -1 none
    done
    refuses "--window takes a number above 0, not '-1'" mm-fuse --method concat --join time --window -1 none.mm
    refuses "--window takes 0.1 or more, not '0'" mm-encode-audio -m none --window 0 none.mm
    refuses "--quantile takes 0 to 1, not '1.5'" mm-label --knn none.mm --distance --quantile 1.5 none.mm
    refuses "--threshold takes -1 to 1, not '2'" mm-label --knn none.mm --threshold 2 none.mm
    refuses "--scale takes a number above 0, not '0'" mm-label --against none.mm --scale 0 none.mm
    for list in audio=7 audio=-1 audio=x audio image=1,audio=1x; do
        refuses "not '${list#image=1,}'" mm-fuse --method yager --reliability "$list" none.mm
    done
}

@test "options that would have no effect are refused, with what they go with" {
    while IFS='|' read -r why command; do
        # shellcheck disable=SC2086
        run $command
        [ "$status" -eq 2 ]
        [[ "$output" == *"$why"* ]] || { echo "$command: $output"; false; }
    done <<'END'
--hop goes with --window|mm-decode --hop 1 none
--space goes with --as=feature|mm-decode --as series --space s none
--table goes with --labels, --column or --as|mm-decode --table csv none
--window goes with --join=time|mm-fuse --method concat --window 2 none.mm
--hop goes with --join=time|mm-fuse --method concat --join key --hop 2 none.mm
--label goes with --head|mm-fuse --method concat --label none.mm
--attention goes with --head|mm-fuse --method concat --attention none.mm
--reliability goes with --method=dempster or --method=yager|mm-fuse --method mean --reliability a=1 none.mm
--scale goes with --against|mm-label --knn none.mm --scale 3 none.mm
--nearest goes with --knn|mm-label --against none.mm -k 3 none.mm
--vote goes with --knn|mm-label -m none.safetensors --vote majority none.mm
--quantile goes with --distance|mm-label --knn none.mm --quantile 0.5 none.mm
--no-header goes with --format=tsv or --format=hits|mm-label --knn none.mm -f jsonl --no-header none.mm
--to-name goes with --format=label-studio|mm-label --knn none.mm --to-name x none.mm
--top goes with --classify|mm-encode-image -m none -n 3 none.mm
--pool and --layer choose vectors|mm-encode-image -m none --classify --pool cls none.mm
--heads goes with --method=attention, --method=cross or --grid|mm-train classify --heads 2 -o x none.mm
--iterations goes with --method=routing or --grid|mm-train classify --iterations 2 -o x none.mm
--loss goes with align, not with classify|mm-train classify --loss sigmoid -o x none.mm
--smoothing goes with classify, not with regress|mm-train regress --smoothing 0.1 -o x none.mm
--trials goes with --grid|mm-train classify --trials 2 -o x none.mm
--valid-fraction and --valid exclude each other|mm-train classify --valid v.mm --valid-fraction 0.1 -o x none.mm
--preprocessor goes with import, not with list|mm-model --preprocessor x list
--names goes with list, not with info|mm-model info --names none
--json goes with list, info or devices, not with verify|mm-model verify --json none
--precision goes with pack or devices, not with list|mm-model list --precision bf16
--rows goes with --npy|mm-cat --rows none.mm
END
}

@test "prefixes, bundled flags, values in every spelling, options after operands, --" {
    for words in "--keys --head=2" "--summ --head 2" "-kN2" "-kN 2"; do
        [ "$(mm-cat $words "$q" | wc -l)" -eq 2 ]
    done
    [ "$(mm-cat "$q" -kN2 | wc -l)" -eq 2 ]
    cp "$q" ./-k
    mm-cat -- -k | cmp - "$q"
}

@test "-o: by way of FILE.part, which goes when there is nothing to take up" {
    mm-cat -o out.mm "$q"
    cmp out.mm "$q"
    [ ! -e out.mm.part ]
    run mm-cat -o sub/out.mm "$q"
    [ "$status" -eq 2 ]
    [[ "$output" == *"sub/out.mm.part"* ]]
    mm-cat -o /dev/null "$q"
    [ -c /dev/null ]
    mkfifo in
    (sleep 60 >in) 3>&- & writer=$!
    mm-cat -o never.mm in 3>&- & pid=$!
    for _ in $(seq 100); do [ -e never.mm.part ] && break; sleep 0.1; done
    [ -e never.mm.part ]
    kill -TERM $pid
    code=0; wait $pid || code=$?
    kill $writer
    [ "$code" -eq 143 ]
    [ ! -e never.mm ] && [ ! -e never.mm.part ]
}

@test "a reader that goes away ends the tool silently by SIGPIPE" {
    for _ in $(seq 400); do cat "$q"; done >big.mm
    run bash -c 'set -o pipefail; mm-cat big.mm | head -c 1 >/dev/null'
    [ "$status" -eq 141 ]
    [ -z "$output" ]
    run bash -c 'set -o pipefail; mm-cat --json big.mm | head -n 1 >/dev/null'
    [ "$status" -eq 141 ] && [ -z "$output" ]
}

@test "a full disk is an error" {
    run bash -c 'mm-cat --json "$0" >/dev/full' "$q"
    [ "$status" -eq 2 ]
    [[ "$output" == *"No space left"* ]]
    run bash -c 'mm-cat "$0" >/dev/full' "$q"
    [ "$status" -eq 2 ] && [[ "$output" == *"No space left"* ]]
}

@test "operands from lists" {
    cp "$q" 'a b.mm'
    printf '%s\n' 'a b.mm' "$q" >list
    mm-cat --files-from list | cmp - <(cat "$q" "$q")
    printf '%s\0' 'a b.mm' "$q" | mm-cat -0 | cmp - <(cat "$q" "$q")
    printf '%s\0' 'a b.mm' >list0
    mm-cat --files0-from list0 | cmp - "$q"
    run bash -c ': | mm-cat -0'
    [ "$status" -eq 2 ]
}

@test "a terminal gets no binary stream and is not read unasked" {
    command -v script || skip "no script(1)"
    script -qec true /dev/null </dev/null >/dev/null || skip "no pseudo-terminals here"
    run script -qec "mm-cat --keys" /dev/null </dev/null
    [ "$status" -eq 2 ]
    [[ "$output" == *"no input"* ]]
    script -qec "mm-cat -N 1 '$q'" /dev/null </dev/null | grep -q 'q00.*f32\[12\]'
}
