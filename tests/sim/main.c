/* SPDX-License-Identifier: Apache-2.0
 *
 * hearback-sim: runs histories, each in a process of its own, in as many runners
 * side by side as asked for, each with its redis-server. A seed that fails is run
 * again with its trace, of which the last lines are shown.
 */
#define _GNU_SOURCE /* prctl, mkdtemp */
#include "common/own.h"
#include "common/span.h"
#include "consumer/scripts.h"
#include "tests/sim/history.h"
#include "tests/sim/plan.h"
#include "tests/sim/store.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUN_SECONDS_MAX 60 /* of a history; they take a fraction of one */
#define TAIL_LINES      100
#define JOBS_MAX        64

enum { EXIT_HELD, EXIT_VIOLATED, EXIT_USAGE };

static const char usage[] =
    "usage: hearback-sim [--seeds FROM-TO | --seed N] [--jobs N] [--first] [--trace]\n\n"
    "Runs histories of workers under faults and checks what must hold.\n"
    "  --seeds FROM-TO  these, both ends included (default: 1-600)\n"
    "  --seed N         this one\n"
    "  --jobs N         so many at a time (default: one a processor)\n"
    "  --first          stop at the first that fails\n"
    "  --brief          no trace of those that fail\n"
    "  --trace          show everything that happens (of one seed)\n"
    "exit: 0 all held, 1 not all did, 2 the command line is wrong\n";

struct flags {
    int64_t from, to, jobs;
    bool first, brief, trace, help;
};

/* What the runners share. */
struct board {
    atomic_llong next;
    atomic_llong ran;
    atomic_llong failed;
    atomic_bool stop;
};

/* ---- one seed ---------------------------------------------------------------------------- */

/* Runs the seed in a child, its words into the file; true when all held. */
static bool run_seed(uint64_t seed, bool trace, const char *out)
{
    (void)fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)alarm(RUN_SECONDS_MAX);
        if (out != NULL) {
            int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
            CHECK(fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0);
        }
        history_run(seed, trace);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status) && out != NULL) {
        FILE *file = fopen(out, "ae");
        if (file != NULL) {
            (void)fprintf(file, "seed %" PRIu64 ": ended by signal %d\n", seed, WTERMSIG(status));
            (void)fclose(file);
        }
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The file's last lines. */
static void show_tail(const char *path, int lines)
{
    FILE *file = fopen(path, "re");
    char *all = NULL;
    size_t room = 0;
    ssize_t len = file == NULL ? -1 : getdelim(&all, &room, 0, file);
    ssize_t at = len;
    while (at > 0 && (lines > 0 || all[at - 1] != '\n')) {
        at--;
        lines -= all[at] == '\n' && at + 1 < len ? 1 : 0;
    }
    if (len > 0) {
        (void)fputs(all + at + (at > 0 && all[at] == '\n' ? 1 : 0), stdout);
    }
    free(all);
    if (file != NULL) {
        (void)fclose(file);
    }
    (void)fflush(stdout);
}

/* ---- a runner ---------------------------------------------------------------------------- */

static void fail(const struct flags *flags, struct board *board, uint64_t seed, const char *out)
{
    show_tail(out, 3);
    atomic_fetch_add(&board->failed, 1);
    if (atomic_load(&board->failed) <= 3 && !flags->brief) {
        (void)run_seed(seed, true, out);
        (void)printf("---- the end of seed %" PRIu64 "'s trace\n", seed);
        show_tail(out, TAIL_LINES);
    }
}

static void runner(const struct flags *flags, struct board *board)
{
    char folder[64] = "/tmp/hearback-sim.XXXXXX";
    char out[80];
    char name[96];
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(out, sizeof(out), "%s/out", folder);
    store_start(folder);
    for (;;) {
        long long seed = atomic_fetch_add(&board->next, 1);
        if (seed > flags->to || (flags->first && atomic_load(&board->stop))) {
            break;
        }
        if (flags->trace) {
            (void)!run_seed((uint64_t)seed, true, NULL);
        } else if (!run_seed((uint64_t)seed, false, out)) {
            atomic_store(&board->stop, true);
            fail(flags, board, (uint64_t)seed, out);
        }
        atomic_fetch_add(&board->ran, 1);
    }
    store_stop();
    static const char *const files[] = {"out", "clock", "redis.sock"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        (void)snprintf(name, sizeof(name), "%s/%s", folder, files[i]);
        (void)unlink(name);
    }
    (void)rmdir(folder);
}

static bool run_all(const struct flags *flags)
{
    struct board *board =
        mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct timespec began;
    struct timespec ended;
    CHECK(board != MAP_FAILED);
    atomic_init(&board->next, flags->from);
    (void)clock_gettime(CLOCK_MONOTONIC, &began);
    for (int64_t job = 0; job < flags->jobs; job++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            runner(flags, board);
            (void)fflush(stdout);
            _Exit(0);
        }
    }
    bool whole = true;
    int status = 0;
    while (wait(&status) > 0 || errno == EINTR) {
        whole = whole && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &ended);
    double took =
        (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) / 1e9;
    if (!flags->trace) {
        (void)printf("%lld seeds, %lld failed, %.1f s\n", (long long)atomic_load(&board->ran),
                     (long long)atomic_load(&board->failed), took);
    }
    return whole && atomic_load(&board->failed) == 0;
}

/* ---- the command line -------------------------------------------------------------------- */

static bool parse_range(const char *text, struct flags *flags)
{
    const char *border = strchr(text, '-');
    if (border == NULL) {
        return false;
    }
    return span_number(span_of(text, (size_t)(border - text)), 0, INT64_MAX - 1, &flags->from) &&
           span_number(span_text(border + 1), flags->from, INT64_MAX - 1, &flags->to);
}

static bool parse(int argc, char **argv, struct flags *flags)
{
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 's'}, {"seed", required_argument, NULL, 'n'},
        {"jobs", required_argument, NULL, 'j'},  {"first", no_argument, NULL, 'f'},
        {"brief", no_argument, NULL, 'b'},       {"trace", no_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0}};
    bool good = true;
    *flags = (struct flags){.from = 1, .to = 600, .jobs = sysconf(_SC_NPROCESSORS_ONLN)};
    for (int c = 0; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        flags->first = flags->first || c == 'f';
        flags->brief = flags->brief || c == 'b';
        flags->trace = flags->trace || c == 't';
        flags->help = flags->help || c == 'h';
        if (c == 's') {
            good = good && parse_range(optarg, flags);
        } else if (c == 'n') {
            good = good && span_number(span_text(optarg), 0, INT64_MAX - 1, &flags->from);
            flags->to = flags->from;
        } else if (c == 'j') {
            good = good && span_number(span_text(optarg), 1, JOBS_MAX, &flags->jobs);
        }
        good = good && c != '?';
    }
    int64_t seeds = flags->to - flags->from + 1;
    flags->jobs = flags->jobs > seeds ? seeds : flags->jobs;
    flags->jobs = flags->jobs < 1 ? 1 : flags->jobs;
    return good && optind == argc && (!flags->trace || seeds == 1);
}

int main(int argc, char **argv)
{
    struct flags flags;
    if (!parse(argc, argv, &flags) || flags.help) {
        (void)fputs(usage, flags.help ? stdout : stderr);
        return flags.help ? EXIT_HELD : EXIT_USAGE;
    }
    plan_configure();
    scripts_init();
    return run_all(&flags) ? EXIT_HELD : EXIT_VIOLATED;
}
