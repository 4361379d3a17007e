/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows that are about what vendors send. Koji documents neither its
 * signature nor its payload, so the defaults name every place that its pages
 * and guides suggest; a capture of one real request settles them.
 */
#include "common/config_table_fields.h"

#include <string.h>

#define AT(section_, member_) .offset = offsetof(struct config_##section_, member_)

/* A token of RFC 9110: what a header may be called. */
static bool fits_header(const char *text)
{
    return strlen(text) <= 100 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                        "!#$%&'*+-.^_`|~") == strlen(text);
}

static bool fits_challenge(const char *text)
{
    if (text[0] == '/') {
        return config_pointer_fits(span_text(text));
    }
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") ==
           strlen(text);
}

static const struct config_form form_header = {"the name of an HTTP header",
                                               "^[A-Za-z0-9!#$%&'*+.^_`|~-]{0,100}$", fits_header};
static const struct config_form form_challenge = {
    "a JSON pointer such as /challenge or the name of a query parameter",
    "^(/[^,]*|[A-Za-z0-9_.-]*)$", fits_challenge};

const struct config_row config_source_rows[CONFIG_SOURCE_ROWS] = {
    {"kind", CONFIG_CHOICE, AT(source, kind), .choices = "koji", .needed_for = CONFIG_ALWAYS,
     .example = "koji", .help = "Whose webhooks these are."},
    {"body_max", CONFIG_SIZE, AT(source, body_bytes_max), .standard = "1MiB", .min = "1KiB",
     .max = "64MiB", .help = "The largest body; 413 above."},
    {"proof", CONFIG_CHOICE, AT(source, proof), .standard = "hmac", .choices = "hmac none",
     .help = "How a request is trusted. none believes anybody who knows the address."},
    {"signature.header", CONFIG_TEXT, AT(source, signature_header), .standard = "X-Koji-Signature",
     .form = &form_header, .help = "The header that holds the signature of the raw body."},
    {"signature.algorithm", CONFIG_CHOICE, AT(source, signature_algorithm), .standard = "sha256",
     .choices = "sha256 sha512 sha1", .help = "The hash of the HMAC."},
    {"signature.encoding", CONFIG_CHOICE, AT(source, signature_encoding), .standard = "hex",
     .choices = "hex base64", .help = "How the signature is written."},
    {"signature.prefix", CONFIG_TEXT, AT(source, signature_prefix), .standard = "sha256=",
     .min = "0", .help = "Removed from the header's value when it is there; \"\" for none."},
    {"delivery_header", CONFIG_TEXT, AT(source, delivery_header), .standard = "", .min = "0",
     .form = &form_header, .example = "X-Koji-Delivery",
     .help = "The header with the vendor's own delivery id; \"\" when it sends none."},
    {"handshake.answer", CONFIG_CHOICE, AT(source, handshake), .standard = "json",
     .choices = "json text off",
     .help = "How the unsigned check on saving the webhook is answered: the challenge as "
             "{\"challenge\":...}, as plain text, or not at all."},
    {"handshake.challenge", CONFIG_TEXT, AT(source, handshake_challenge), .standard = "/challenge",
     .min = "0", .form = &form_challenge,
     .help = "Where the challenge to echo stands: a JSON pointer into the body, or a query "
             "parameter."},
    {"event", CONFIG_POINTER_LINE, AT(source, event_pointer),
     .standard = "/event,/type,/event_type,/data/event,/data/event_type", .min = "1",
     .help = "Where the event's name stands; the first that names something wins."},
    {"study", CONFIG_POINTER_LINE, AT(source, study_pointer),
     .standard = "/study_id,/project_id,/data/study_id,/data/project_id,/study/id,/project/id,"
                 "/data/study/id,/data/project/id,/interview/study_id,/data/interview/study_id,"
                 "/interview/project_id,/data/interview/project_id",
     .min = "1",
     .help = "Where the study's id stands: the record's key, so that one study stays in order."},
};

const struct config_row config_field_rows[CONFIG_FIELD_ROWS] = {
    {"event", CONFIG_POINTERS, AT(fields, event),
     .standard = "/event,/type,/event_type,/data/event,/data/event_type",
     .help = "The event's name, such as interview.analysis_ready."},
    {"interview_id", CONFIG_POINTERS, AT(fields, interview_id),
     .standard = "/interview_id,/data/interview_id,/interview/interview_id,"
                 "/data/interview/interview_id,/data/interview/id,/interview/id,/data/id,/id",
     .min = "1",
     .help = "The interview's id. A plain id comes last: an event may have an id of its own."},
    {"study_id", CONFIG_POINTERS, AT(fields, study_id),
     .standard = "/study_id,/project_id,/data/study_id,/data/project_id,/study/id,/project/id,"
                 "/data/study/id,/data/project/id,/interview/study_id,/data/interview/study_id,"
                 "/interview/project_id,/data/interview/project_id",
     .help = "The study's (project's) id."},
    {"study_url", CONFIG_POINTERS, AT(fields, study_url),
     .standard = "/study_url,/project_url,/report_url,/data/study_url,/data/project_url,"
                 "/data/report_url,/study/url,/project/url,/data/study/url,/data/project/url,"
                 "/interview/study_url,/data/interview/study_url",
     .help = "The address of the study or its report."},
    {"quality", CONFIG_POINTERS, AT(fields, quality),
     .standard = "/quality_score,/quality,/quality/score,/data/quality_score,/data/quality,"
                 "/data/quality/score,/interview/quality_score,/interview/quality,"
                 "/data/interview/quality_score,/data/interview/quality,/analysis/quality_score,"
                 "/analysis/quality,/data/analysis/quality_score,/data/analysis/quality",
     .help = "The quality score, 0 to 5."},
    {"sentiment", CONFIG_POINTERS, AT(fields, sentiment),
     .standard = "/sentiment,/sentiment_score,/data/sentiment,/data/sentiment_score,"
                 "/interview/sentiment,/data/interview/sentiment,/analysis/sentiment,"
                 "/data/analysis/sentiment,/overall_sentiment,/data/overall_sentiment",
     .help = "The interview's sentiment: -1 to 1, a label, or an object with score, value or "
             "label."},
    {"transcript_url", CONFIG_POINTERS, AT(fields, transcript_url),
     .standard = "/transcript_url,/data/transcript_url,/interview/transcript_url,"
                 "/data/interview/transcript_url,/transcript/url,/data/transcript/url,"
                 "/interview/transcript/url,/data/interview/transcript/url,"
                 "/analysis/transcript_url,/data/analysis/transcript_url",
     .help = "The address of the transcript."},
    {"time", CONFIG_POINTERS, AT(fields, time),
     .standard = "/completed_at,/data/completed_at,/interview/completed_at,"
                 "/data/interview/completed_at,/analyzed_at,/data/analyzed_at,/occurred_at,"
                 "/timestamp,/data/timestamp,/created_at,/data/created_at,/interview/created_at,"
                 "/data/interview/created_at,/time",
     .help = "When the interview was held: RFC 3339, or seconds or milliseconds since 1970."},
    {"respondent_email", CONFIG_POINTERS, AT(fields, respondent_email),
     .standard = "/respondent_email,/data/respondent_email,/respondent/email,"
                 "/data/respondent/email,/interview/respondent_email,"
                 "/data/interview/respondent_email,/interview/respondent/email,"
                 "/data/interview/respondent/email,/participant/email,/data/participant/email,"
                 "/participant_email,/data/participant_email",
     .help = "The respondent's e-mail address; null for anonymous interviews."},
    {"respondent_id", CONFIG_POINTERS, AT(fields, respondent_id),
     .standard = "/respondent_id,/external_id,/data/respondent_id,/data/external_id,"
                 "/respondent/external_id,/data/respondent/external_id,/respondent/id,"
                 "/data/respondent/id,/interview/respondent_id,/data/interview/respondent_id,"
                 "/interview/external_id,/data/interview/external_id,/participant/external_id,"
                 "/data/participant/external_id",
     .help = "The caller's own id of the respondent."},
    {"respondent_name", CONFIG_POINTERS, AT(fields, respondent_name),
     .standard = "/respondent_name,/data/respondent_name,/respondent/display_name,"
                 "/data/respondent/display_name,/respondent/name,/data/respondent/name,"
                 "/interview/respondent_name,/data/interview/respondent_name,/participant/name,"
                 "/data/participant/name,/participant_name,/data/participant_name",
     .help = "The respondent's name, used only to take it out of quotes."},
    {"themes", CONFIG_POINTERS, AT(fields, themes),
     .standard = "/themes,/data/themes,/analysis/themes,/data/analysis/themes,"
                 "/interview/themes,/data/interview/themes,/interview/analysis/themes,"
                 "/data/interview/analysis/themes",
     .min = "1", .help = "The list of themes."},
    {"theme_id", CONFIG_POINTERS, AT(fields, theme_id), .standard = "/theme_id,/koji_theme_id,/id",
     .help = "A theme's id. Without one a digest of study and name takes its place."},
    {"theme_name", CONFIG_POINTERS, AT(fields, theme_name),
     .standard = "/name,/title,/label,/theme", .help = "A theme's name, the ticket's title."},
    {"theme_summary", CONFIG_POINTERS, AT(fields, theme_summary),
     .standard = "/summary,/description", .help = "A theme's summary."},
    {"theme_severity", CONFIG_POINTERS, AT(fields, theme_severity),
     .standard = "/severity,/severity/level,/severity/label",
     .help = "bug, blocker, preference or nice-to-have; else the tags are asked."},
    {"theme_sentiment", CONFIG_POINTERS, AT(fields, theme_sentiment),
     .standard = "/sentiment,/sentiment_score",
     .help = "A theme's own sentiment; else it has the interview's."},
    {"theme_tags", CONFIG_POINTERS, AT(fields, theme_tags), .standard = "/tags,/labels",
     .help = "A theme's tags."},
    {"theme_quotes", CONFIG_POINTERS, AT(fields, theme_quotes),
     .standard = "/quotes,/customer_quotes,/evidence",
     .help = "A theme's quotes: texts, or objects."},
    {"quote_text", CONFIG_POINTERS, AT(fields, quote_text), .standard = "/text,/quote,/content",
     .help = "What was said, in a quote that is an object."},
    {"quote_link", CONFIG_POINTERS, AT(fields, quote_link),
     .standard = "/url,/link,/transcript_url,/href",
     .help = "Where a quote can be read; else at the interview's transcript."},
};
