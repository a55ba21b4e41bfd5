/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_GRAPH_WATCH_H
#define CLEAT_GRAPH_WATCH_H

#include "graph/graph_program.h"

/* Tells the model's watcher, which there is, of a call that has made its outputs. */
cleat_status watch_node(const call *c);

#endif
