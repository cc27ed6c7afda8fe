# EXAMPLES of manual pages. A page whose section begins with the comment
#     .\" @run@ DIR
# has its literal blocks run, one after the other, in a copy of DIR (below the repository); each must succeed and none
# may say anything on standard error. The blocks of the other pages must at least be good shell.

setup() {
    root=$PWD
    cd "$BATS_TEST_TMPDIR"
}

# Literal blocks of the EXAMPLES section of page $1 become the files block-N; prints DIR of the mark.
blocks() {
    awk '
        /^\.Sh / { on = $2 == "EXAMPLES" }
        on && /^\.\\" @run@ / { print $3 }
        on && /^\.Ed/ { inside = 0 }
        inside { line = $0; gsub(/\\e/, "\\", line); sub(/^\\&/, "", line); print line > file }
        on && /^\.Bd -literal/ { inside = 1; file = sprintf("block-%02d", ++n) }' "$1"
}

@test "examples run" {
    ran=0
    for page in "$MM_BUILD"/man/*.[157]; do
        mkdir "$(basename "$page").d"
        cd "$(basename "$page").d"
        dir=$(blocks "$page")
        if [ -n "$dir" ]; then
            cp -R "$root/$dir/." .
            for block in block-*; do
                echo "$(basename "$page"): $(cat "$block")"
                bash -euo pipefail "$block" 2>said
                cat said
                [ ! -s said ]
                ran=$((ran + 1))
            done
        fi
        cd ..
    done
    [ "$ran" -ge 5 ]
}

@test "examples are good shell, and the options in them exist" {
    for page in "$MM_BUILD"/man/*.1; do
        rm -f block-*
        blocks "$page" >/dev/null
        for block in block-*; do
            [ -f "$block" ] || continue
            bash -n "$block"
            sed ':a;/\\$/{N;s/\\\n/ /;ba}' "$block" | tr '|<>' '\n\n\n' | grep -oE '^ *mm-[a-z-]+ .*' | while read -r tool words; do
                for word in $words; do
                    case $word in --) break ;; --?*) ;; *) continue ;; esac
                    option=${word%%=*}
                    "$MM_BUILD/bin/$tool" --help | tr -d '[]' | grep -qE -- "--(no-)?${option#--}([=, ]|\$)" || {
                        echo "$(basename "$page"): $tool has no option $option"
                        exit 1
                    }
                done
            done
        done
    done
}

@test "mm-intro names every tool" {
    for tool in "$MM_BUILD"/bin/mm-*; do
        grep -q "$(basename "$tool")" "$MM_BUILD/man/mm-intro.7"
    done
}
