/* SPDX-License-Identifier: Apache-2.0 */
#include "results.h"

#ifdef BENCH_HAVE_COMMIT
#include "commit.h"
#endif
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

/* Copies what follows "key<spaces>:" in the first such line of a file in /proc. */
static void proc_line(const char *file, const char *key, char *text, size_t size) {
    FILE *stream = fopen(file, "r");
    char line[256];
    snprintf(text, size, "unknown");
    while (stream != NULL && fgets(line, sizeof line, stream) != NULL) {
        char *colon = strchr(line, ':');
        if (strncmp(line, key, strlen(key)) == 0 && colon != NULL) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(text, size, "%.150s", colon + 1 + strspn(colon + 1, " \t"));
            break;
        }
    }
    if (stream != NULL) {
        fclose(stream);
    }
}

static void peer_versions(const bench_run *run, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (const peer *const *p = bench_peers; *p != NULL && used + 1 < size; p++) {
        char version[64] = "missing";
        if ((*p)->available(run)) {
            (*p)->version(version, sizeof version);
        }
        int written = snprintf(
            text + used, size - used, "%s%s %s", used == 0 ? "" : ", ", (*p)->name, version);
        used += written > 0 ? (size_t)written : 0;
    }
}

/* The text of the next fact, to be filled in. */
static char *next_fact(machine_fact *facts, size_t *count, const char *name) {
    machine_fact *fact = &facts[(*count)++];
    fact->name = name;
    snprintf(fact->text, sizeof fact->text, "unknown");
    return fact->text;
}

const machine_fact *machine_facts(const bench_run *run) {
    static const char *const kinds[] = {"any", "gpu", "accelerator", "cpu", "software"};
    static machine_fact facts[13];
    const size_t size = sizeof facts[0].text;
    size_t count = 0;
    struct utsname system;
    time_t now = time(NULL);
    const cleat_device_info *device = &run->device;
    snprintf(next_fact(facts, &count, "device"), size, "%.100s (%u units, %u floats wide)",
        device->name, (unsigned)device->compute_units, (unsigned)device->native_float_width);
    if (device->type != CLEAT_DEVICE_CPU) { /* decides which bars are for it: bench/report */
        snprintf(next_fact(facts, &count, "kind"), size, "%s", kinds[device->type]);
    }
    snprintf(next_fact(facts, &count, "platform"), size, "%.60s, driver %.60s", device->platform,
        device->driver);
    proc_line("/proc/cpuinfo", "model name", next_fact(facts, &count, "cpu"), size);
    proc_line("/proc/meminfo", "MemTotal", next_fact(facts, &count, "memory"), size);
    char *text = next_fact(facts, &count, "system");
    if (uname(&system) == 0) {
        snprintf(text, size, "%.40s %.60s", system.sysname, system.release);
    }
    text = next_fact(facts, &count, "cleat");
#ifdef BENCH_HAVE_COMMIT
    snprintf(text, size, "%.20s, commit %.60s", cleat_version(), BENCH_COMMIT);
    snprintf(next_fact(facts, &count, "compiler"), size, "%.80s", BENCH_COMPILER);
#else
    snprintf(text, size, "%.20s", cleat_version());
#endif
    if (run->options.peers) {
        peer_versions(run, next_fact(facts, &count, "peers"), size);
    }
    strftime(next_fact(facts, &count, "date"), size, "%Y-%m-%d %H:%M UTC", gmtime(&now));
    snprintf(next_fact(facts, &count, "threads"), size, "%d", run->threads);
    facts[count].name = NULL;
    return facts;
}
