/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/unreadable.h"

#include "daemon/pipeline/footer.h"
#include "lib/model/skeleton.h"
#include "lib/record/record.h"
#include "lib/shard/shard_message.h"

#define RUN_IT "run that version here, too"
#define SKIP_IT "to go on without what it says, stop scored, then: scored skip (see its help)"

Unreadable unreadable_footer(int code) {
    if (code == FOOTER_E_FORMAT)
        return (Unreadable){"the changelog was written by a newer version of scored", RUN_IT ", or use another changelog topic"};
    return (Unreadable){"the changelog holds a footer that cannot be read", "run the version that wrote it, or use another changelog topic"};
}

Unreadable unreadable_record(int code) {
    if (code == RECORD_E_FORMAT)
        return (Unreadable){"the changelog holds a record of a newer version of scored", RUN_IT};
    return (Unreadable){"the changelog holds a record that cannot be read", "run the version and the model that wrote it"};
}

Unreadable unreadable_record_in_redis(int code) {
    if (code == RECORD_E_FORMAT)
        return (Unreadable){"Redis holds a record of a newer version of scored", RUN_IT};
    return (Unreadable){"Redis holds a record that cannot be read",
            "delete the shard's keys in Redis; they are rebuilt from the changelog"};
}

Unreadable unreadable_skeleton(int code) {
    if (code == SKELETON_E_FORMAT)
        return (Unreadable){"the changelog holds names of a model by a newer version of scored", RUN_IT};
    return (Unreadable){"the changelog holds names of a model that cannot be read", "run the version that wrote them"};
}

Unreadable unreadable_message(int code) {
    if (code == SHARD_MESSAGE_E_FORMAT)
        return (Unreadable){"it is of a newer version of scored", RUN_IT};
    return (Unreadable){"it is damaged", SKIP_IT};
}

Unreadable unreadable_version(bool is_newer) {
    if (is_newer)
        return (Unreadable){"it goes by a model version that is not known here", "load the new model here, too (SIGHUP)"};
    return (Unreadable){"it goes by an earlier model version, the names of which no shard's changelog has", SKIP_IT};
}
