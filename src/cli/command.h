/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands of `cleat`. Each takes its own arguments (argv[0] is its name) and returns the
 * exit status: 0 good, 1 something failed, 2 wrong usage. */
#ifndef CLEAT_CLI_COMMAND_H
#define CLEAT_CLI_COMMAND_H

enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2 };

int command_bench(int argc, char **argv);
int command_cache(int argc, char **argv);
int command_devices(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_inspect(int argc, char **argv);
int command_run(int argc, char **argv);
int command_serve(int argc, char **argv); /* `cleat bench serve` */
int command_selftest(int argc, char **argv);
int command_tune(int argc, char **argv);

/* Says on stderr why the last call of the library failed; returns EXIT_BAD. */
int report_failure(const char *what);

#endif
