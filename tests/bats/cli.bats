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
