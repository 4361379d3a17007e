/* SPDX-License-Identifier: Apache-2.0
 *
 * What the ticket filer says: evidence, description and comment. Every text of
 * an interview passes the redactor first, on its way into the ledger or to Jira,
 * so that no address of a person gets as far as either.
 */
#include "consumer/workers/ticket_filer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_BODY_MAX (256u << 10) /* a line end of a text is 24 bytes in a document */

struct err ticket_clean(struct item *item, struct arena *arena, span text, size_t bytes_max,
                        span *out)
{
    /* Redacted before it is cut: a cut through an address would hide it from the redactor. */
    span clean = redact(arena, text, &filing_of(item)->person);
    if (clean.at == NULL && text.len > 0) {
        FAIL(ERR_RETRY, ENOMEM, "no memory for a cleaned text");
    }
    *out = span_of(clean.at, span_cut_utf8(clean, bytes_max));
    return NO_ERROR;
}

/* Percent-encoding undone once. */
static span decode_link(struct arena *arena, span link)
{
    uint8_t *out = arena_alloc(arena, link.len + 1);
    size_t len = 0;
    for (size_t i = 0; out != NULL && i < link.len; i++) {
        unsigned byte = link.at[i];
        char digits[3] = {0};
        if (byte == '%' && i + 2 < link.len) {
            memcpy(digits, link.at + i + 1, 2);
            char *end = NULL;
            unsigned long value = strtoul(digits, &end, 16);
            if (end == digits + 2 && digits[0] != '+' && digits[0] != '-' && digits[0] != ' ') {
                byte = (unsigned)value;
                i += 2;
            }
        }
        out[len++] = (uint8_t)byte;
    }
    return out == NULL ? SPAN_NONE : span_of(out, len);
}

span ticket_clean_link(struct item *item, struct arena *arena, span link)
{
    if (!adf_is_link(link)) {
        return SPAN_NONE;
    }
    /* An address may hide behind encoding, and behind encoding of the encoding. */
    span seen = link;
    for (int i = 0; i < 3; i++) {
        span clean = redact(arena, seen, &filing_of(item)->person);
        if (clean.at == NULL || !span_equal(clean, seen)) {
            return SPAN_NONE;
        }
        seen = decode_link(arena, seen);
    }
    return link;
}

/* ---- evidence ---------------------------------------------------------------------------- */

static struct err add_quotes(struct item *item, struct arena *arena, struct buf *out)
{
    const struct theme *theme = theme_of(item);
    buf_add_char(out, '[');
    for (size_t i = 0; i < theme->quote_count && i < TICKET_QUOTES; i++) {
        span text;
        span link = ticket_clean_link(item, arena, theme->quotes[i].link);
        TRY(ticket_clean(item, arena, theme->quotes[i].text, TICKET_QUOTE_BYTES, &text));
        buf_add_text(out, i == 0 ? "[" : ",[");
        buf_add_json(out, text);
        buf_add_char(out, ',');
        buf_add_json(out, link);
        buf_add_char(out, ']');
    }
    buf_add_char(out, ']');
    return NO_ERROR;
}

struct err ticket_evidence(struct item *item, struct arena *arena, span *out)
{
    const struct interview *interview = &filing_of(item)->interview;
    const struct theme *theme = theme_of(item);
    struct buf json;
    buf_init(&json, TEXT_BODY_MAX);
    buf_add_text(&json, "{\"q\":");
    struct err err = add_quotes(item, arena, &json);
    if (failed(err)) {
        buf_close(&json);
        return err;
    }
    if (theme->has_sentiment) {
        buf_addf(&json, ",\"s\":%.4g", theme->sentiment);
    } else {
        buf_add_text(&json, ",\"s\":null");
    }
    buf_addf(&json, ",\"k\":%.4g,\"u\":", interview->quality);
    buf_add_json(&json, ticket_clean_link(item, arena, interview->transcript_url));
    buf_add_char(&json, '}');
    return buf_into(&json, arena, out);
}

/* ---- freezing ---------------------------------------------------------------------------- */

struct heard { /* one interview's evidence while the quotes are chosen */
    span reference;
    struct json_object *evidence;
    double sentiment;
};

static int by_sentiment(const void *a, const void *b)
{
    const struct heard *left = a;
    const struct heard *right = b;
    return (left->sentiment > right->sentiment) - (left->sentiment < right->sentiment);
}

/* The quotes: most negative interviews first, and none twice while another has not been heard. */
static struct json_object *choose_quotes(const struct heard *heard, size_t count)
{
    struct json_object *chosen = json_object_new_array();
    for (size_t round = 0; round < TICKET_QUOTES; round++) {
        for (size_t i = 0; i < count && json_object_array_length(chosen) < TICKET_QUOTES; i++) {
            struct json_object *quotes = json_at(heard[i].evidence, "/q");
            if (!json_object_is_type(quotes, json_type_array) ||
                round >= json_object_array_length(quotes)) {
                continue;
            }
            struct json_object *quote = json_object_array_get_idx(quotes, round);
            struct json_object *shown = json_object_new_array();
            span link = json_text(json_object_array_get_idx(quote, 1));
            span transcript = json_text_at(heard[i].evidence, "/u");
            span best = link.len > 0 ? link : transcript;
            json_object_array_add(shown, json_object_get(json_object_array_get_idx(quote, 0)));
            json_object_array_add(
                shown, json_object_new_string_len(best.len == 0 ? "" : (const char *)best.at,
                                                  (int)best.len));
            json_object_array_add(chosen, shown);
        }
    }
    return chosen;
}

/* The interviews told, this one first, as many as Jira's property takes. */
static bool note_fold(struct item *item, const struct heard *heard, size_t count)
{
    struct buf fold;
    buf_init(&fold, JIRA_PROPERTY_MAX - 1024);
    buf_add_char(&fold, '[');
    buf_add_json(&fold, filing_of(item)->reference);
    for (size_t i = 0; i < count; i++) {
        bool own = span_equal(heard[i].reference, filing_of(item)->reference);
        if (!own && fold.len + heard[i].reference.len * 6 + 8 < fold.max) {
            buf_add_char(&fold, ',');
            buf_add_json(&fold, heard[i].reference);
        }
    }
    buf_add_char(&fold, ']');
    bool whole = !fold.broken;
    item_memo_set(item, "fold", buf_span(&fold));
    buf_close(&fold);
    return whole;
}

bool ticket_freeze(struct item *item, const struct redis_reply *weighed, size_t first)
{
    size_t room = weighed->count > first ? (weighed->count - first) / 2 : 0;
    struct heard *heard = arena_alloc(&item->arena, sizeof(*heard) * (room + 1));
    size_t count = 0;
    if (heard == NULL) {
        return false;
    }
    for (size_t i = first; i + 1 < weighed->count; i += 2) {
        struct heard *h = &heard[count];
        h->reference = redis_element(weighed, i)->text;
        h->sentiment = 0;
        if (failed(json_parse(redis_element(weighed, i + 1)->text, &h->evidence))) {
            h->evidence = NULL;
        }
        (void)json_number(json_at(h->evidence, "/s"), &h->sentiment);
        count++;
    }
    if (count > 0) {
        qsort(heard, count, sizeof(*heard), by_sentiment);
    }
    bool whole = note_fold(item, heard, count);
    json_object_object_add(item_memo(item), "quotes", choose_quotes(heard, count));
    item_memo_set_number(item, "heard", (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        json_object_put(heard[i].evidence);
    }
    return whole;
}

span ticket_fold(const struct item *item)
{
    SCOPED(json_free) struct json_object *told = NULL;
    span fold = item_memo_text(item, "fold");
    /* It goes into a body as it stands, and the memo has been where others could write. */
    bool array = !failed(json_parse(fold, &told)) && json_object_is_type(told, json_type_array);
    return array ? fold : span_text("[]");
}

/* ---- the ticket -------------------------------------------------------------------------- */

static void add_figures(struct item *item, struct adf *adf, const struct theme *theme)
{
    char text[64];
    if (theme->has_sentiment) {
        (void)snprintf(text, sizeof(text), "%.2g on a scale from -1 to +1", theme->sentiment);
        adf_fact(adf, "Sentiment", span_text(text));
    }
    (void)snprintf(text, sizeof(text), "%.2g of 5", filing_of(item)->interview.quality);
    adf_fact(adf, "Interview quality", span_text(text));
}

static struct err describe(struct item *item, struct arena *arena, struct buf *out)
{
    const struct interview *interview = &filing_of(item)->interview;
    const struct theme *theme = theme_of(item);
    struct adf adf;
    span summary;
    char text[64];
    TRY(ticket_clean(item, arena, theme->summary, TICKET_SUMMARY_BYTES, &summary));
    adf_begin(&adf, out);
    adf_paragraph(&adf, summary);
    struct json_object *quotes = json_at(item->memo, "/quotes");
    for (size_t i = 0;
         json_object_is_type(quotes, json_type_array) && i < json_object_array_length(quotes);
         i++) {
        struct json_object *quote = json_object_array_get_idx(quotes, i);
        adf_quote(&adf, json_text(json_object_array_get_idx(quote, 0)),
                  json_text(json_object_array_get_idx(quote, 1)));
    }
    add_figures(item, &adf, theme);
    int64_t heard = item_memo_number(item, "heard");
    (void)snprintf(text, sizeof(text), "%lld interview%s", (long long)heard, heard == 1 ? "" : "s");
    adf_fact(&adf, "Heard in", span_text(text));
    adf_link(&adf, "Transcript", ticket_clean_link(item, arena, interview->transcript_url));
    adf_link(&adf, "Study", ticket_clean_link(item, arena, interview->study_url));
    adf_end(&adf);
    return buf_ok(out);
}

static struct err make_property(struct item *item, struct arena *arena, span *out)
{
    struct buf json;
    buf_init(&json, JIRA_PROPERTY_MAX);
    buf_add_text(&json, "{\"v\":1,\"told\":");
    buf_add(&json, ticket_fold(item));
    buf_add_char(&json, '}');
    return buf_into(&json, arena, out);
}

static struct err make_labels(struct item *item, struct arena *arena, span own, span *labels,
                              size_t *count)
{
    const struct theme *theme = theme_of(item);
    *count = 0;
    labels[(*count)++] = span_text("koji-research");
    labels[(*count)++] = own;
    for (size_t i = 0; i < theme->tag_count && i < TICKET_TAGS_MAX; i++) {
        span tag;
        TRY(ticket_clean(item, arena, theme->tags[i], TICKET_NAME_BYTES, &tag));
        span label = jira_label(arena, "", tag);
        if (label.at == NULL) {
            FAIL(ERR_RETRY, ENOMEM, "no memory for a label");
        }
        labels[(*count)++] = label;
    }
    return NO_ERROR;
}

static struct err make_summary(struct item *item, struct arena *arena, span *out)
{
    struct buf line;
    span name;
    TRY(ticket_clean(item, arena, theme_of(item)->name, TICKET_NAME_BYTES, &name));
    buf_init(&line, TICKET_NAME_BYTES + 64);
    buf_add_text(&line, "[Research] ");
    buf_add(&line, name.len > 0 ? name : theme_of(item)->id);
    return buf_into(&line, arena, out);
}

struct err ticket_create(struct item *item, struct call *call, span label)
{
    struct buf description;
    span labels[TICKET_TAGS_MAX + 2];
    struct jira_issue issue = {.project = item->config->jira.project,
                               .issue_type = item->config->jira.issue_type,
                               .labels = labels};
    TRY(make_summary(item, call->arena, &issue.summary));
    TRY(make_labels(item, call->arena, label, labels, &issue.label_count));
    TRY(make_property(item, call->arena, &issue.property));
    buf_init(&description, TEXT_BODY_MAX);
    struct err err = describe(item, call->arena, &description);
    if (!failed(err)) {
        issue.description = buf_span(&description);
        err = jira_create(call, &issue);
    }
    buf_close(&description);
    return err;
}

/* ---- the comment ------------------------------------------------------------------------- */

static struct err write_comment(struct item *item, struct arena *arena, struct buf *out)
{
    const struct interview *interview = &filing_of(item)->interview;
    const struct theme *theme = theme_of(item);
    struct adf adf;
    adf_begin(&adf, out);
    adf_paragraph(&adf, span_text("Heard again in another interview."));
    for (size_t i = 0; i < theme->quote_count && i < TICKET_QUOTES; i++) {
        span text;
        TRY(ticket_clean(item, arena, theme->quotes[i].text, TICKET_QUOTE_BYTES, &text));
        adf_quote(&adf, text, ticket_clean_link(item, arena, theme->quotes[i].link));
    }
    add_figures(item, &adf, theme);
    adf_link(&adf, "Transcript", ticket_clean_link(item, arena, interview->transcript_url));
    adf_end(&adf);
    return buf_ok(out);
}

struct err ticket_comment(struct item *item, struct call *call, span issue)
{
    struct buf body;
    struct buf property;
    buf_init(&body, TEXT_BODY_MAX);
    buf_init(&property, 4096);
    buf_add_text(&property, "{\"v\":1,\"interview\":");
    buf_add_json(&property, filing_of(item)->reference);
    buf_add_char(&property, '}');
    struct err err = write_comment(item, call->arena, &body);
    if (!failed(err)) {
        err = buf_ok(&property);
    }
    if (!failed(err)) {
        err = jira_comment(call, issue, buf_span(&body), buf_span(&property));
    }
    buf_close(&property);
    buf_close(&body);
    return err;
}
