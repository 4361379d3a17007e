/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target over every file of the folders given, in the order of
 * their names, where there is no libFuzzer. Names each file before it is run:
 * the last one named is the one that failed.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/* A copy of exactly its size, so that a sanitizer sees a read beyond the end. */
static void replay(const char *folder, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rbe");
    CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
    long bytes = ftell(file);
    CHECK(bytes >= 0 && fseek(file, 0, SEEK_SET) == 0);
    uint8_t *data = malloc((size_t)bytes + (bytes == 0 ? 1 : 0));
    CHECK(data != NULL && fread(data, 1, (size_t)bytes, file) == (size_t)bytes);
    (void)fclose(file);
    (void)printf("%s\n", path);
    (void)fflush(stdout);
    (void)LLVMFuzzerTestOneInput(data, (size_t)bytes);
    free(data);
}

int main(int argc, char **argv)
{
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        struct dirent **entries = NULL;
        int found = scandir(argv[i], &entries, NULL, alphasort);
        for (int j = 0; j < found; j++) {
            if (entries[j]->d_name[0] != '.') {
                replay(argv[i], entries[j]->d_name);
                count++;
            }
            free(entries[j]);
        }
        free(entries);
    }
    (void)printf("%zu inputs\n", count);
    return count == 0 ? 1 : 0; /* a corpus that is not there proves nothing */
}
