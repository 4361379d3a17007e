/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of the ADF schema (json-schema v1 of adf-schema 57.7): for each node
 * what it may hold, which marks it may carry and which attributes it takes. Data
 * only; the walk over it is jira_adf.c. A bare `marks: []` is fine on any node
 * that the schema gives marks to.
 */
#include "tests/sandbox/jira_adf.h"

#define INLINE "text hardBreak inlineCard mention emoji date status"
#define TEXT_MARKS                                                                                 \
    "link em strong strike subsup underline textColor annotation backgroundColor code"
#define BLOCK_MARKS "alignment indentation fontSize"

#define LOCAL_ID                                                                                   \
    {                                                                                              \
        .name = "localId"                                                                          \
    }
#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }

static const struct adf_attr local_only[] = {LOCAL_ID, END};
static const struct adf_attr local_must[] = {{.name = "localId", .required = true}, END};
static const struct adf_attr heading[] = {
    {.name = "level", .value = ADF_NUMBER, .required = true, .min = 1, .max = 6}, LOCAL_ID, END};
static const struct adf_attr ordered[] = {{.name = "order", .value = ADF_NUMBER}, LOCAL_ID, END};
static const struct adf_attr code_block[] = {{.name = "language"},
                                             {.name = "uniqueId"},
                                             {.name = "wrap", .value = ADF_FLAG},
                                             {.name = "hideLineNumbers", .value = ADF_FLAG},
                                             LOCAL_ID,
                                             END};
static const struct adf_attr panel[] = {{.name = "panelType",
                                         .required = true,
                                         .choices = "info note tip warning error success custom"},
                                        {.name = "panelIcon"},
                                        {.name = "panelIconId"},
                                        {.name = "panelIconText"},
                                        {.name = "panelColor"},
                                        LOCAL_ID,
                                        END};
static const struct adf_attr task_item[] = {
    {.name = "localId", .required = true},
    {.name = "state", .required = true, .choices = "TODO DONE"},
    END};
static const struct adf_attr hard_break[] = {{.name = "text", .choices = "\n"}, LOCAL_ID, END};
static const struct adf_attr card[] = {{.name = "url", .required = true}, LOCAL_ID, END};
static const struct adf_attr mention[] = {{.name = "id", .required = true},
                                          {.name = "text"},
                                          {.name = "accessLevel"},
                                          {.name = "userType", .choices = "DEFAULT SPECIAL APP"},
                                          LOCAL_ID,
                                          END};
static const struct adf_attr emoji[] = {
    {.name = "shortName", .required = true}, {.name = "id"}, {.name = "text"}, LOCAL_ID, END};
static const struct adf_attr date[] = {
    {.name = "timestamp", .required = true, .min = 1}, LOCAL_ID, END};
static const struct adf_attr status[] = {
    {.name = "text", .required = true, .min = 1},
    {.name = "color", .required = true, .choices = "neutral purple blue red yellow green"},
    {.name = "style"},
    LOCAL_ID,
    END};

const struct adf_node adf_nodes[] = {
    {"doc", ADF_MUST_HAVE_LIST, false,
     "paragraph heading bulletList orderedList blockquote rule codeBlock panel taskList blockCard",
     NULL, NULL},
    {"paragraph", ADF_MAY_HOLD, false, INLINE, BLOCK_MARKS, local_only},
    {"heading", ADF_MAY_HOLD, true, INLINE, "alignment indentation", heading},
    {"bulletList", ADF_MUST_HOLD, false, "listItem", NULL, local_only},
    {"orderedList", ADF_MUST_HOLD, false, "listItem", NULL, ordered},
    {"listItem", ADF_MUST_HOLD, false, "paragraph bulletList orderedList taskList codeBlock", NULL,
     local_only},
    {"blockquote", ADF_MUST_HOLD, false, "paragraph orderedList bulletList codeBlock", NULL,
     local_only},
    {"rule", ADF_LEAF, false, "", NULL, local_only},
    {"codeBlock", ADF_MAY_HOLD, false, "text", "", code_block},
    {"panel", ADF_MUST_HOLD, true,
     "paragraph heading bulletList orderedList blockCard codeBlock taskList rule", NULL, panel},
    {"taskList", ADF_MUST_HOLD, true, "taskItem taskList", NULL, local_must},
    {"taskItem", ADF_MAY_HOLD, true, INLINE, NULL, task_item},
    {"blockCard", ADF_LEAF, true, "", NULL, card},
    {"text", ADF_LEAF, false, "", TEXT_MARKS, NULL},
    {"hardBreak", ADF_LEAF, false, "", NULL, hard_break},
    {"inlineCard", ADF_LEAF, true, "", NULL, card},
    {"mention", ADF_LEAF, true, "", NULL, mention},
    {"emoji", ADF_LEAF, true, "", NULL, emoji},
    {"date", ADF_LEAF, true, "", NULL, date},
    {"status", ADF_LEAF, true, "", NULL, status},
    {NULL, ADF_LEAF, false, "", NULL, NULL},
};

static const struct adf_attr link[] = {{.name = "href", .required = true},
                                       {.name = "title"},
                                       {.name = "id"},
                                       {.name = "collection"},
                                       {.name = "occurrenceKey"},
                                       END};
static const struct adf_attr subsup[] = {{.name = "type", .required = true, .choices = "sub sup"},
                                         END};
static const struct adf_attr color[] = {{.name = "color", .required = true, .min = 7}, END};
static const struct adf_attr annotation[] = {
    {.name = "id", .required = true},
    {.name = "annotationType", .required = true, .choices = "inlineComment"},
    END};
static const struct adf_attr alignment[] = {
    {.name = "align", .required = true, .choices = "center end"}, END};
static const struct adf_attr indentation[] = {
    {.name = "level", .value = ADF_NUMBER, .required = true, .min = 1, .max = 6}, END};
static const struct adf_attr font_size[] = {
    {.name = "fontSize", .required = true, .choices = "small"}, END};

const struct adf_node adf_marks[] = {
    {"strong", ADF_LEAF, false, "", NULL, NULL},
    {"em", ADF_LEAF, false, "", NULL, NULL},
    {"strike", ADF_LEAF, false, "", NULL, NULL},
    {"underline", ADF_LEAF, false, "", NULL, NULL},
    {"code", ADF_LEAF, false, "", NULL, NULL},
    {"link", ADF_LEAF, true, "", NULL, link},
    {"subsup", ADF_LEAF, true, "", NULL, subsup},
    {"textColor", ADF_LEAF, true, "", NULL, color},
    {"backgroundColor", ADF_LEAF, true, "", NULL, color},
    {"annotation", ADF_LEAF, true, "", NULL, annotation},
    {"alignment", ADF_LEAF, true, "", NULL, alignment},
    {"indentation", ADF_LEAF, true, "", NULL, indentation},
    {"fontSize", ADF_LEAF, true, "", NULL, font_size},
    {NULL, ADF_LEAF, false, "", NULL, NULL},
};

const struct adf_node *adf_find(const struct adf_node *table, const char *type)
{
    for (const struct adf_node *row = table; row->type != NULL; row++) {
        if (strcmp(row->type, type) == 0) {
            return row;
        }
    }
    return NULL;
}

bool adf_word_in(const char *words, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = words; len > 0 && (at = strstr(at, word)) != NULL; at += len) {
        bool starts = at == words || at[-1] == ' ';
        if (starts && (at[len] == 0 || at[len] == ' ')) {
            return true;
        }
    }
    return false;
}
