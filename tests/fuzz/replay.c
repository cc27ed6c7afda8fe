/* Runs a fuzz target over files and directories of files: what `make check` does with the corpus, and how a crash
 * that the fuzzer found is looked at with any compiler. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t cap = (size_t)64 << 20;
    uint8_t *data = f ? malloc(cap) : NULL;
    if (!data) {
        perror(path);
        return 0;
    }
    size_t n = fread(data, 1, cap, f);
    fclose(f);
    uint8_t *exact = malloc(n ? n : 1); /* of its exact size, so that a sanitizer sees a read past it */
    if (exact) {
        memcpy(exact, data, n);
        LLVMFuzzerTestOneInput(exact, n);
    }
    free(exact);
    free(data);
    return 1;
}

static int replay(const char *path)
{
    DIR *d = opendir(path);
    if (!d)
        return replay_file(path);
    int n = 0;
    char name[4096];
    for (struct dirent *x; (x = readdir(d));)
        if (x->d_name[0] != '.' && snprintf(name, sizeof name, "%s/%s", path, x->d_name) < (int)sizeof name)
            n += replay(name);
    closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    int n = 0;
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++)
        n += replay(argv[i]);
    printf("%d inputs\n", n);
    return n == 0;
}
