# make install: what was built for another PREFIX is made anew where it depends on it.

setup() {
    T=$BATS_TEST_TMPDIR
    mkdir "$T/build"
    cp -a "$MM_BUILD"/{lib,tools,shaders,bin,man,libmm.a} "$T/build/"
    [ ! -f "$MM_BUILD/prefix" ] || cp -a "$MM_BUILD/prefix" "$T/build/"
}

install_to() { make -s BUILD="$T/build" PREFIX="$1" install >"$T/said" 2>&1 || { tail "$T/said"; return 1; }; }

@test "installed programs look for models below the PREFIX that they were installed with, and the pages say so" {
    unset MM_MODELS
    export XDG_DATA_HOME=$T/none
    for prefix in "$T/a" "$T/b"; do
        install_to "$prefix"
        mkdir -p "$prefix/share/mm/models"
        cp -r tests/goldens/encode/vit "$prefix/share/mm/models/v-$(basename "$prefix")"
        [ "$("$prefix/bin/mm-model" --names list)" = "v-$(basename "$prefix")" ]
        grep -q "$prefix/share/mm/models" "$prefix/share/man/man5/mm-models.5"
    done
    ! grep -r @PREFIX@ "$T/a/share/man"
}
