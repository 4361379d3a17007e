/* SPDX-License-Identifier: Apache-2.0
 *
 * The bodies of records: an interview as its vendor sends it, made anew each time
 * from what the plan says of it. One thread, nothing kept.
 */
#include "tests/sim/plan.h"

static void add_theme(const char *theme, enum plan_mention as, const char *interview,
                      struct buf *out)
{
    static const char *const says[] = {
        [MENTION_FILE] = "\"severity\":\"bug\",\"sentiment\":-0.2",
        [MENTION_NEGATIVE] = "\"sentiment\":-0.8",
        [MENTION_WATCH] = "\"severity\":\"nice-to-have\"",
        [MENTION_WIN] = "\"sentiment\":0.9",
        [MENTION_COUNT] = "\"sentiment\":0.1",
    };
    buf_addf(out, "{\"theme_id\":\"%s\",\"name\":\"Theme %s\",%s,\"quotes\":[\"%s on %s\"]}", theme,
             theme, says[as], interview, theme);
}

void plan_body(int interview, struct buf *out)
{
    const struct plan *plan = plan_get();
    if (interview < 0) {
        buf_add_text(out, "{\"event\":\"interview.analysis_ready\",\"interview_id\":");
        return;
    }
    const struct plan_interview *it = &plan->interviews[interview];
    buf_addf(out,
             "{\"event\":\"interview.analysis_ready\",\"interview_id\":\"%s\",\"study_id\":\"s\","
             "\"quality_score\":%d,\"themes\":[",
             it->id, it->low ? 2 : 4);
    for (size_t i = 0; i < it->mention_count; i++) {
        buf_add_text(out, i == 0 ? "" : ",");
        add_theme(plan->themes[it->mentions[i].theme].id, it->mentions[i].as, it->id, out);
    }
    buf_add_text(out, "]}");
}
