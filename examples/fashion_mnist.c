/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trains a convolutional network on Fashion-MNIST and shows what came out. The network itself, a
 * graph of Cleat's, is fashion_mnist/network.c; how it is fed, fashion_mnist/training.c. This file
 * puts the parts together: options, data, device, epochs, report.
 */
#include "fashion_mnist/options.h"
#include "fashion_mnist/print_profile.h"
#include "fashion_mnist/report.h"
#include "fashion_mnist/training.h"
#include "fashion_mnist/weights.h"

#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const float highest_learning_rate = 2e-3F;

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

/* The first Ctrl-C asks for an end, the second one quits. */
static void catch_interrupt(void) {
    struct sigaction action = {.sa_handler = on_interrupt};
    action.sa_flags = (int)SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

/* Everything of one run. */
typedef struct session {
    options chosen;
    progress shown;
    dataset train, test;
    cleat_context *context;
    cleat_device_info device;
    training run;
    bool running;                         /* run has been begun */
    double *accuracies, *accuracy_epochs; /* percent after each epoch */
    int64_t epoch_count;
    double epochs; /* as far as training came */
} session;

/* ---- Parts of a run ---- */

static bool load_data(session *s, problem *why) {
    char trained[32], tested[32];
    const options *o = &s->chosen;
    if (o->load == NULL && !dataset_load(o->data, "train", o->limit, &s->train, why))
        return false;
    if (!dataset_load(o->data, "t10k", o->limit, &s->test, why))
        return false;
    printf("Data      %s training and %s test images from %s\n",
        format_count(s->train.count, trained), format_count(s->test.count, tested), o->data);
    return true;
}

static bool open_device(session *s, problem *why) {
    cleat_context_options context_options = {
        .device = s->chosen.device, .profiling = s->chosen.profile};
    if (!problem_check(
            why, cleat_context_create(&context_options, &s->context), "no device to compute on") ||
        !problem_check(why, cleat_context_device(s->context, &s->device), "asking the device"))
        return false;
    printf("Device    %d:%d  %s (%s), %u compute units\n", s->device.platform_index,
        s->device.device_index, s->device.name, s->device.platform, s->device.compute_units);
    printf("Chosen    %s\n", s->device.reason);
    fflush(stdout);
    return true;
}

static bool begin(session *s, problem *why) {
    char count[32];
    const options *o = &s->chosen;
    s->accuracies = calloc((size_t)o->epochs, sizeof *s->accuracies);
    s->accuracy_epochs = calloc((size_t)o->epochs, sizeof *s->accuracy_epochs);
    if (s->accuracies == NULL || s->accuracy_epochs == NULL)
        return problem_set(why, "no memory for the results of %lld epochs", (long long)o->epochs);
    s->run = (training){.context = s->context,
        .train = &s->train,
        .test = &s->test,
        .batch = o->batch,
        .epochs = o->epochs,
        .learning_rate = highest_learning_rate,
        .seed = o->seed,
        .stop = &interrupted,
        .shown = &s->shown};
    s->running = training_begin(&s->run, why);
    if (s->running)
        printf("Network   conv 32, conv 32, pool, conv 64, pool, dense 128, dense 10: "
               "%s weights\n",
            format_count(network_size(), count));
    return s->running;
}

static bool prepare(session *s, problem *why) {
    cleat_context_statistics statistics;
    double start = progress_clock();
    progress_note(&s->shown, "Kernels   being compiled; the first time takes a while");
    if (!training_prepare(&s->run, why) ||
        !problem_check(why, cleat_context_get_statistics(s->context, &statistics), "counting") ||
        (s->chosen.profile &&
            !problem_check(why, cleat_profile_reset(s->context), "resetting the profile")))
        return false;
    progress_clear(&s->shown);
    printf("Kernels   %llu built, %llu from the cache, in %.1f s\n\n",
        (unsigned long long)statistics.kernels_built, (unsigned long long)statistics.kernels_loaded,
        progress_clock() - start);
    fflush(stdout);
    return true;
}

static void print_epoch(session *s, int64_t epoch, const epoch_result *result) {
    char rate[32], time[32];
    progress_clear(&s->shown);
    printf("%sepoch %lld/%lld%s  loss %.4f  test accuracy %s%.2f %%%s  %s images/s  %s\n",
        progress_bold(&s->shown), (long long)epoch, (long long)s->chosen.epochs,
        progress_plain(&s->shown), result->loss, progress_bold(&s->shown), 100 * result->accuracy,
        progress_plain(&s->shown),
        format_count(llround((double)result->images / result->train_seconds), rate),
        format_time(result->train_seconds + result->test_seconds, time));
    fflush(stdout);
}

static bool train_epochs(session *s, problem *why) {
    for (int64_t epoch = 1; epoch <= s->chosen.epochs && interrupted == 0; epoch++) {
        epoch_result result;
        if (!training_epoch(&s->run, epoch, &result, why))
            return false;
        s->epochs = (double)(epoch - 1) + (double)result.images / (double)s->train.count;
        if (interrupted != 0) {
            progress_clear(&s->shown);
            printf("\nInterrupted after %.2f epochs: finishing with what there is "
                   "(Ctrl-C again quits at once)\n",
                s->epochs);
            fflush(stdout);
        }
        if (!training_evaluate(&s->run, why))
            return false;
        result.accuracy = (double)s->run.result.right / (double)s->test.count;
        result.test_seconds = s->run.test_seconds;
        s->accuracies[s->epoch_count] = 100 * result.accuracy;
        s->accuracy_epochs[s->epoch_count++] = s->epochs;
        if (result.images > 0)
            print_epoch(s, epoch, &result);
    }
    return true;
}

static bool finish(session *s, problem *why) {
    char right[32], count[32];
    const evaluation *result = &s->run.result;
    double rate = s->run.train_seconds > 0 ? s->run.images_done / s->run.train_seconds : 0;
    report r = {.device = s->device.name,
        .test = &s->test,
        .result = result,
        .points = s->run.points,
        .point_count = s->run.point_count,
        .accuracies = s->accuracies,
        .accuracy_epochs = s->accuracy_epochs,
        .epoch_count = s->epoch_count,
        .epochs = s->epochs,
        .images_per_second = rate};
    printf("\n");
    report_confusion(&s->shown, result);
    if (s->chosen.profile && !print_profile(s->context, why))
        return false;
    printf("Test accuracy %s%.2f %%%s (%s of %s)\n", progress_bold(&s->shown),
        100 * (double)result->right / (double)s->test.count, progress_plain(&s->shown),
        format_count(result->right, right), format_count(s->test.count, count));
    if (!report_picture(&r, s->chosen.report, why))
        return false;
    printf("Picture   %s\n", s->chosen.report);
    return true;
}

static bool save(session *s, problem *why) {
    if (s->chosen.save == NULL)
        return true;
    if (!weights_save(s->context, s->run.net, s->chosen.save, why))
        return false;
    printf("Weights   %s\n", s->chosen.save);
    return true;
}

static bool run_session(session *s, problem *why) {
    if (!load_data(s, why) || !open_device(s, why) || !begin(s, why))
        return false;
    if (s->chosen.load != NULL) {
        if (!weights_load(s->context, s->run.net, s->chosen.load, why))
            return false;
        printf("Weights   %s\n", s->chosen.load);
        return training_evaluate(&s->run, why) && finish(s, why);
    }
    return prepare(s, why) && train_epochs(s, why) && save(s, why) && finish(s, why);
}

static void end_session(session *s) {
    if (s->running)
        training_end(&s->run);
    cleat_context_release(s->context);
    dataset_free(&s->train);
    dataset_free(&s->test);
    free(s->accuracies);
    free(s->accuracy_epochs);
}

int main(int count, char **arguments) {
    static session s;
    setlocale(LC_CTYPE, ""); /* the character set only: numbers keep their decimal point */
    if (!options_parse(count, arguments, &s.chosen))
        return 2;
    if (s.chosen.help) {
        options_help();
        return EXIT_SUCCESS;
    }
    problem why;
    progress_begin(&s.shown);
    catch_interrupt();
    bool fine = run_session(&s, &why);
    if (!fine) {
        progress_clear(&s.shown);
        fflush(stdout);
        fprintf(stderr, "fashion_mnist: %s\n", why.text);
    }
    end_session(&s);
    return !fine ? EXIT_FAILURE : interrupted != 0 ? 130 : EXIT_SUCCESS;
}
