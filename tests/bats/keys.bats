# Keys: what names a sample, whatever else is decoded beside it. All media are made here, by media.py.

setup_file() {
    export D=$BATS_FILE_TMPDIR/d
    make=$PWD/tests/bats/media.py
    m() { python3 "$make" "$@"; }
    mkdir -p "$D/t/a" "$D/t/x/deep" && cd "$D" || return 1
    m png t/a/one.png 1 && m wav t/a/one.wav 0.5 8000 && echo hello >t/a/one.txt
    m png t/x/two.png 2 40 30 && m wav t/x/deep/three.wav 0.2
    mkdir shards && m tarred shards/s0.tar t/a && m tarred shards/s1.tgz t/x w:gz
}

setup() {
    cd "$D" || return 1
    make=$BATS_TEST_DIRNAME/media.py
    tmp=$BATS_TEST_TMPDIR
}
m() { python3 "$make" "$@"; }
keys() { mm-cat -J | jq -r '.key + " " + .kind'; }

@test "a file operand is named by its path as given, alone or beside others" {
    [ "$(mm-decode t/a/one.png | keys)" = "t/a/one image" ]
    [ "$(mm-decode t/a/one.png t/x/two.png | keys)" = $'t/a/one image\nt/x/two image' ]
    [ "$(mm-decode ./t//a/../a/one.png "$PWD/t/x/two.png" | keys)" = $'t/a/one image\n'"${PWD#/}/t/x/two image" ]
    [ "$(cd t && mm-decode ../t/a/one.png a/one.txt | keys)" = $'t/a/one image\na/one text' ]
    mkdir -p z && gzip -kc t/a/one.wav >z/clip.wav.gz
    [ "$(mm-decode z/clip.wav.gz | keys)" = "z/clip audio" ]
}

@test "one file a process, several, or all: the same keys" {
    find t -type f | sort >list
    all=$(mm-decode --files-from list | keys)
    for n in 1 2 3; do
        [ "$(xargs -n "$n" mm-decode <list | keys)" = "$all" ] || { echo "$n"; false; }
    done
}

@test "--root: a list of a directory's files is the directory, in one piece or in shards" {
    mkdir -p tree/.git && cp -r t shards tree && echo read me >tree/README && m png tree/.git/hidden.png 3
    mm-decode tree | keys | sort >whole
    [ -s whole ]
    find tree -type f | sort >list
    for n in 1 3 100; do
        xargs -n "$n" mm-decode --root tree <list | keys | sort | diff - whole
    done
    mm-decode --root . tree | keys | sort | diff - <(sed 's,^,tree/,' whole)
    mm-decode --root "$PWD/tree" "$PWD/tree/shards" | keys | sort | diff - <(grep ^shards whole)
    [ "$(mm-decode --root tree --key base tree/t/a | keys | head -n 1)" = "one image" ]
    [ "$(mm-decode --root tree --key '^([a-z]*)/' tree/t/a | mm-cat -k | uniq)" = t ]
}

@test "--root: an operand elsewhere is an error record, the others are read" {
    for elsewhere in shards/s0.tar t/a t/a/one.png; do
        run --separate-stderr mm-decode --root t/a "$elsewhere" t/a/one.txt
        case $elsewhere in shards*) [ "$status" -eq 1 ] && [[ "$stderr" == *"shards/s0.tar: it does not lie below t/a (--root)"* ]] ;; *) [ "$status" -eq 0 ] ;; esac
    done
    run --separate-stderr mm-decode --root t/a/one.png t/a/one.png
    [ "$status" -eq 1 ]
}

@test "members of an operand have their paths in it; --key archive puts its own key in front" {
    [ "$(mm-decode shards/s0.tar | keys)" = $'one image\none text\none audio' ]
    [ "$(mm-decode --key archive shards/s0.tar | mm-cat -k | uniq)" = shards/s0/one ]
    [ "$(mm-decode --key archive shards | keys)" = "$(mm-decode shards | keys)" ]
    [ "$(mm-decode --root . shards/s0.tar | mm-cat -k | uniq)" = shards/s0/one ]
    [ "$(mm-decode --key archive <shards/s0.tar | mm-cat -k | uniq)" = one ]
    mkdir -p outer && cp shards/s1.tgz outer/in.tgz && m tarred outer.tar outer
    [ "$(mm-decode --key archive outer.tar | mm-cat -k)" = $'outer/in/deep/three\nouter/in/two' ]
}

@test "--key file keeps the extensions, of archives too where they are in front" {
    [ "$(mm-decode --key file t/a | mm-cat -k)" = $'one.png\none.txt\none.wav' ]
    [ "$(mm-decode --key file shards/s0.tar | mm-cat -k)" = $'one.png\none.txt\none.wav' ]
    [ "$(mm-decode --key file shards | mm-cat -k | tail -n 1)" = s1.tgz/two.png ]
    gzip -kc t/a/one.wav >clip.wav.gz
    [ "$(mm-decode --key file clip.wav.gz | mm-cat -k)" = clip.wav.gz ]
}

@test "--of names what is read, of every kind; without it nothing is said" {
    [ "$(mm-decode --of machine t/a | mm-cat -J | jq -r '.kind + " " + .of' | sort)" = $'audio machine\nimage machine\ntext machine' ]
    printf '1,2\n3,4\n' >n.csv
    mm-decode --of vibration --as series n.csv | mm-cat -J | jq -e '.kind == "series" and .of == "vibration"'
    mm-decode --of vibration --as feature n.csv | mm-cat -J | jq -e -s 'all(.of == "vibration" and .space == "numbers/vibration/2")'
    mm-decode t/a | mm-cat -J | jq -e -s 'all(has("of") | not)'
    run mm-decode --of machine -o "$tmp/e" absent
    mm-cat -q -J "$tmp/e" | jq -e 'has("of") | not'
}

@test "--key base and a regular expression bring files of two directories together" {
    mkdir -p pair/images pair/texts && cp t/a/one.png pair/images/1.png && cp t/x/two.png pair/images/2.png &&
        echo eins >pair/texts/1.txt && echo zwei >pair/texts/2.txt
    [ "$(mm-decode --key base pair | keys)" = $'1 image\n1 text\n2 image\n2 text' ]
    [ "$(mm-decode --key '/([0-9]+)\.' pair | keys)" = $'1 image\n1 text\n2 image\n2 text' ]
    run mm-decode --key '([0-9' pair
    [ "$status" -eq 2 ]
    [[ "$output" == *"no regular expression"* ]]
}
