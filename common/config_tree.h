/* SPDX-License-Identifier: Apache-2.0
 *
 * A YAML text as a tree with line numbers, for the config_*.c files only. The
 * tree is bounded in bytes, nodes, depth and anchors; an alias is a shallow
 * copy of what it names, so it cannot grow the tree. All lives in the arena.
 */
#ifndef HEARBACK_COMMON_CONFIG_TREE_H
#define HEARBACK_COMMON_CONFIG_TREE_H

#include "common/arena.h"

#define CONFIG_NODES_MAX   10000
#define CONFIG_DEPTH_MAX   16
#define CONFIG_ANCHORS_MAX 64

enum config_node_kind { CONFIG_NODE_SCALAR, CONFIG_NODE_MAPPING, CONFIG_NODE_SEQUENCE };

struct config_node {
    enum config_node_kind kind;
    int line;        /* from 1 */
    bool plain;      /* a scalar without quotes */
    bool open;       /* its end has not been read */
    span text;       /* of a scalar; NUL behind */
    const char *key; /* of a member of a mapping, else NULL */
    int key_line;
    struct config_node *first;
    struct config_node *last;
    struct config_node *next;
};

/* Why no tree could be made. */
struct config_trouble {
    int line;
    int column;
    const char *found;
    const char *expected;
    const char *advice;
};

/* ERR_CONFIG: `trouble` says why. *root is NULL when the text holds no document. */
MUST_USE struct err config_tree_read(struct arena *arena, span yaml, struct config_node **root,
                                     struct config_trouble *trouble);

/* Nothing, ~ or null, without quotes. */
bool config_node_is_null(const struct config_node *node);

#endif
