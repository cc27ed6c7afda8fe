# Lines and rows that come through a pipe: each leaves when its last byte is there. Every wait ends after 20 seconds, as a failure.

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    python=${MM_PYTHON:-python3}
    "$python" -c 'import msgpack' 2>/dev/null || skip "needs Python's msgpack (set MM_PYTHON)"
}

talk() { "$python" "$BATS_TEST_DIRNAME/talk.py" "$@"; }

# The records are those of FILE at once: same FILE OPTION...
same() { mm-decode -q "${@:2}" - <"$1" 2>/dev/null | cmp - out; }

@test "--lines: a line leaves when its newline is there" {
    talk out mm-decode -q --lines --flush - <<'END'
send 'one\ntw'
expect -
send 'o\r\n\ncaf\xe9\nfour'
expect - - -
END
    printf 'one\ntwo\r\n\ncaf\351\nfour' >in
    same in --lines
    [ "$(mm-cat -J <out | jq -c '[.key, .data, .replaced]' | tail -n 2 | head -n 1)" = '["-:4","caf�",null]' ]
    mm-cat -J <out | jq -e -s 'length == 5 and .[3].meta == {"encoding":"unknown","replaced":1}'
}

@test "--lines of UTF-16" {
    talk out mm-decode -q --lines --flush - <<'END'
send '\xff\xfea\x00\n\x00b\x00'
expect -
send '\n\x00'
expect -
END
    printf '\377\376a\0\n\0b\0\n\0' >in
    same in --lines
}

@test "--column: a row leaves when it is there, one that spans lines after its last line; broken rows do not stop it" {
    talk out mm-decode -q --column text --key-column id --label-column l --flush - <<'END' || [ $? = 1 ]
send 'id,text,l\n7,"one\n'
send 'and a half",x\n8,tw'
expect -
send 'o\n9,three,y\n'
expect - -
send '10,"four'
END
    printf 'id,text,l\n7,"one\nand a half",x\n8,two\n9,three,y\n10,"four' >in
    same in --column text --key-column id --label-column l
    [ "$(mm-cat -J <out | jq -r '.key + " " + .kind' | tr '\n' ';')" = "7 text;8 error;9 text;-:4 error;" ]
}

@test "--column of JSON lines, and of a table without names; an array waits for its end" {
    talk out mm-decode -q --column text --key-column id --flush - <<'END'
send '{"id":1,"text":"a"}\n'
expect -
send '{"id":2,\n"text":"b"'
send '}\n'
expect -
END
    printf '{"id":1,"text":"a"}\n{"id":2,\n"text":"b"}\n' >in
    same in --column text --key-column id
    talk out mm-decode -q --column 2 --flush - <<'END'
send '1\ta\n'
expect -
END
    printf '1\ta\n' >in
    same in --column 2
    talk out mm-decode -q --column text --flush - <<'END'
send '[{"text":"a"},\n{"text":"b"}]'
END
    printf '[{"text":"a"},\n{"text":"b"}]' >in
    same in --column text
}

@test "--as feature: a vector for each row as it comes" {
    talk out mm-decode -q --as feature --key-column id --flush - <<'END' || [ $? = 1 ]
send 'id,a,b\nx,1,2\n'
expect -
send 'y,1,oops\nz,3,4\n'
expect - -
END
    printf 'id,a,b\nx,1,2\ny,1,oops\nz,3,4\n' >in
    same in --as feature --key-column id
}

@test "a line that does not end is an error, costs bounded memory, and the next one is read" {
    (ulimit -v 300000
     { head -c 80000000 /dev/zero | tr '\0' x; printf '\nnext\n'; } | mm-decode -q --lines --flush - >out) || [ $? = 1 ]
    [ "$(mm-cat -J <out | jq -r '.key + " " + (.error.code // .data)' | tr '\n' ';')" = "-:1 too-large;-:2 next;" ]
}

@test "a first row that is too long is an error as any other is, and costs bounded memory" {
    first() { # options
        (ulimit -v 300000
         { head -c 80000000 /dev/zero | tr '\0' 7; printf '\n1,2\n'; } | mm-decode -q --flush "$@" - >out) || [ $? = 1 ]
        mm-cat -J <out | jq -r '.key + " " + (.error.text // .kind)' | tr '\n' ';'
    }
    [ "$(first --as feature)" = "-:1 row 1: a row of more than 32 MiB;-:2 feature;" ]
    [ "$(first --column 1)" = "- the row of names: a row of more than 32 MiB;" ] # it might have been names
}
