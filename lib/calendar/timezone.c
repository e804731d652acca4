/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A zone is one sorted list of changes, each with the offset from then on. The footer's rule is written out
 * year by year behind the changes that the file names, up to the last instant that events can have: some
 * 16,000 changes, 250 KB at most, made in about a millisecond. So there is one kind of look-up, a binary
 * search, and no year in which two rules meet. (Computing the rule at each look-up needs less memory, and a
 * second set of special cases: changes that fall into the neighbouring year, zones that are a day apart.)
 *
 * The file is data from outside: counts are checked against the bytes that are there before anything is read.
 */
#include "lib/calendar/timezone.h"

#include "lib/calendar/date.h"
#include "lib/calendar/timezone_rule.h"

#define OFFSET_S_MAX (TIMEZONE_OFFSET_MS_MAX / 1000)
#define YEAR_FIRST 1970
/* Two a year, and some more around both ends. */
#define RULE_CHANGES_MAX (2 * ((size_t)DATE_YEAR_MAX - YEAR_FIRST + 4))

typedef struct Change {
    int64_t at_s;
    int32_t offset_s; /* from then on */
} Change;

struct Timezone {
    int32_t first_offset_s; /* before the first change */
    Change *changes;        /* by time */
    size_t n_changes;
};

/* --- the file ---------------------------------------------------------------------------------------- */

#define HEADER_SIZE 44
#define TYPE_SIZE 6

typedef struct Block {
    uint32_t n_utc, n_standard, n_leap, n_changes, n_types, n_name_bytes;
    size_t time_size;             /* 4 in the first block, 8 in the second */
    const unsigned char *times;   /* n_changes */
    const unsigned char *indexes; /* n_changes: of the type from then on */
    const unsigned char *types;   /* n_types: an offset, daylight saving or not, a name */
} Block;

typedef struct Reader {
    Str rest;
    const char *why;
} Reader;

static int fail(Reader *reader, const char *why) {
    reader->why = why;
    return TIMEZONE_E_FORMAT;
}

static uint32_t number_32(const unsigned char *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t number_64(const unsigned char *p) {
    return (int64_t)((uint64_t)number_32(p) << 32 | number_32(p + 4));
}

static const unsigned char *take(Reader *reader, size_t n) {
    const unsigned char *p = (const unsigned char *)reader->rest.data;
    if (reader->rest.len < n)
        return NULL;
    reader->rest = (Str){reader->rest.data + n, reader->rest.len - n};
    return p;
}

/* *ret_version is a digit, or NUL for the first. */
static int read_header(Reader *reader, char *ret_version, Block *block) {
    const unsigned char *p = take(reader, HEADER_SIZE);

    if (!p || memcmp(p, "TZif", 4) != 0)
        return fail(reader, "it is not a time zone file (TZif)");
    *ret_version = (char)p[4];
    if (p[4] != '\0' && (p[4] < '2' || p[4] > '4'))
        return fail(reader, "it is of an unknown version of time zone files (TZif)");
    *block = (Block){
            .n_utc = number_32(p + 20),
            .n_standard = number_32(p + 24),
            .n_leap = number_32(p + 28),
            .n_changes = number_32(p + 32),
            .n_types = number_32(p + 36),
            .n_name_bytes = number_32(p + 40),
    };
    return 0;
}

/* The bytes behind the header. Counts are of 32 bits and sizes of 64: no sum overflows. */
static int read_block(Reader *reader, size_t time_size, Block *block) {
    static_assert(sizeof(size_t) >= 8, "sums of counts fit");

    block->time_size = time_size;
    block->times = take(reader, block->n_changes * time_size);
    block->indexes = block->times ? take(reader, block->n_changes) : NULL;
    block->types = block->indexes ? take(reader, (size_t)block->n_types * TYPE_SIZE) : NULL;
    if (!block->types || !take(reader, block->n_name_bytes + block->n_leap * (time_size + 4) +
                                               block->n_standard + (size_t)block->n_utc))
        return fail(reader, "it breaks off");
    return 0;
}

static int check_block(Reader *reader, const Block *block) {
    if (block->n_leap > 0)
        return fail(reader, "it counts leap seconds, which event times do not have");
    if (block->n_types == 0)
        return fail(reader, "it has no local time");
    for (uint32_t i = 0; i < block->n_types; i++) {
        int32_t offset_s = (int32_t)number_32(block->types + (size_t)i * TYPE_SIZE);
        if (offset_s <= -OFFSET_S_MAX || offset_s >= OFFSET_S_MAX)
            return fail(reader, "an offset from UTC in it is 26 hours or more");
    }
    for (uint32_t i = 0; i < block->n_changes; i++)
        if (block->indexes[i] >= block->n_types)
            return fail(reader, "a change in it leads to no local time");
    return 0;
}

/* Behind the second block: the rule between two newlines. An empty one says that nothing changes any more. */
static int read_footer(Reader *reader, TimezoneRule *rule, bool *ret_has_rule) {
    const char *end;

    *ret_has_rule = false;
    if (reader->rest.len < 2 || reader->rest.data[0] != '\n' ||
            !(end = memchr(reader->rest.data + 1, '\n', reader->rest.len - 1)))
        return fail(reader, "it breaks off");
    Str text = {reader->rest.data + 1, (size_t)(end - reader->rest.data) - 1};
    if (text.len == 0)
        return 0;
    if (!timezone_rule_parse(text, rule))
        return fail(reader, "the rule at its end is not a POSIX time zone");
    *ret_has_rule = true;
    return 0;
}

/* The block with times of 64 bits if there is one. */
static int read_file(Reader *reader, Block *block, TimezoneRule *rule, bool *ret_has_rule) {
    char version, again;
    int r;

    *ret_has_rule = false;
    r = read_header(reader, &version, block);
    if (r == 0)
        r = read_block(reader, 4, block);
    if (r == 0 && version != '\0') {
        r = read_header(reader, &again, block);
        if (r == 0)
            r = read_block(reader, 8, block);
        if (r == 0)
            r = read_footer(reader, rule, ret_has_rule);
    }
    return r == 0 ? check_block(reader, block) : r;
}

/* --- changes ----------------------------------------------------------------------------------------- */

static int32_t type_offset_s(const Block *block, size_t type) {
    return (int32_t)number_32(block->types + type * TYPE_SIZE);
}

static int add_file_changes(Reader *reader, const Block *block, Timezone *zone) {
    for (size_t i = 0; i < block->n_changes; i++) {
        const unsigned char *p = block->times + i * block->time_size;
        int64_t at_s = block->time_size == 8 ? number_64(p) : (int32_t)number_32(p);

        if (i > 0 && at_s <= zone->changes[i - 1].at_s)
            return fail(reader, "its changes are not in order of time");
        zone->changes[zone->n_changes++] = (Change){at_s, type_offset_s(block, block->indexes[i])};
    }
    return 0;
}

/* In order of time among those from n_kept on; of several at one instant the last added stays. */
static void insert_change(Timezone *zone, size_t n_kept, Change change) {
    size_t i = zone->n_changes;

    while (i > n_kept && zone->changes[i - 1].at_s > change.at_s)
        i--;
    if (i > n_kept && zone->changes[i - 1].at_s == change.at_s) {
        zone->changes[i - 1] = change;
        return;
    }
    memmove(&zone->changes[i + 1], &zone->changes[i], (zone->n_changes - i) * sizeof(*zone->changes));
    zone->changes[i] = change;
    zone->n_changes++;
}

/*
 * What the rule says about a year. Daylight saving that lasts all year ends at the instant at which the next
 * year's begins, so of both the later one counts.
 */
static void add_rule_year(Timezone *zone, size_t n_kept, const TimezoneRule *rule, int year) {
    Change start = {timezone_rule_day_at_s(&rule->start, year, rule->standard_s), rule->daylight_s};
    Change end = {timezone_rule_day_at_s(&rule->end, year, rule->daylight_s), rule->standard_s};
    bool north = start.at_s <= end.at_s;
    const Change both[] = {north ? start : end, north ? end : start};

    for (size_t i = 0; i < ARRAY_SIZE(both); i++)
        if (n_kept == 0 || both[i].at_s > zone->changes[n_kept - 1].at_s)
            insert_change(zone, n_kept, both[i]);
}

static void add_rule_changes(Timezone *zone, const TimezoneRule *rule) {
    size_t n_kept = zone->n_changes;
    int year = YEAR_FIRST - 2;

    if (n_kept > 0) {
        int64_t days = zone->changes[n_kept - 1].at_s / 86400;
        int last_year = date_from_day((int32_t)MIN(MAX(days, DATE_DAY_MIN), DATE_DAY_MAX)).year;
        year = MAX(year, last_year - 1);
    }
    for (; rule->has_daylight && year <= DATE_YEAR_MAX; year++)
        add_rule_year(zone, n_kept, rule, year);
}

int timezone_read(Arena *arena, Str tzif, const Timezone **ret, const char **ret_why) {
    Reader reader = {tzif, NULL};
    TimezoneRule rule = {0};
    bool has_rule = false;
    Block block = {0};
    int r;

    r = tzif.len > TIMEZONE_BYTES_MAX ? fail(&reader, "it is too large for a time zone file")
                                      : read_file(&reader, &block, &rule, &has_rule);
    if (r == 0) {
        Timezone *zone = arena_new_array(arena, Timezone, 1);
        size_t n_max = block.n_changes + (rule.has_daylight ? RULE_CHANGES_MAX : 0);

        if (!zone || !(zone->changes = arena_new_array(arena, Change, n_max)))
            return -ENOMEM;
        r = add_file_changes(&reader, &block, zone);
        if (r == 0) {
            /* Without any change the rule is all there is. */
            zone->first_offset_s =
                    has_rule && block.n_changes == 0 ? rule.standard_s : type_offset_s(&block, 0);
            add_rule_changes(zone, &rule);
            *ret = zone;
            return 0;
        }
    }
    *ret_why = reader.why;
    return r;
}

/* --- look-up ----------------------------------------------------------------------------------------- */

/* How many changes there are at or before the instant. */
static size_t count_changes(const Timezone *zone, int64_t at_s) {
    size_t low = 0, high = zone->n_changes;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->changes[middle].at_s <= at_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The offset between the change n - 1 and the change n. */
static int64_t offset_after_s(const Timezone *zone, size_t n) {
    return n > 0 ? zone->changes[n - 1].offset_s : zone->first_offset_s;
}

static int64_t floor_seconds(int64_t ms) {
    return ms / 1000 - (ms % 1000 < 0);
}

int64_t timezone_offset_ms(const Timezone *zone, int64_t at_ms) {
    return offset_after_s(zone, count_changes(zone, floor_seconds(at_ms))) * 1000;
}

int64_t timezone_to_utc_ms(const Timezone *zone, int64_t local_ms) {
    int64_t local_s = floor_seconds(local_ms), rest_ms = local_ms - local_s * 1000;
    /* Earlier than this no clock shows it, whatever the offset. */
    size_t n = count_changes(zone, local_s - OFFSET_S_MAX);

    for (;; n++) {
        int64_t at_s = local_s - offset_after_s(zone, n);

        if (n > 0 && at_s < zone->changes[n - 1].at_s)
            return zone->changes[n - 1].at_s * 1000; /* skipped by this change */
        if (n == zone->n_changes || at_s < zone->changes[n].at_s)
            return at_s * 1000 + rest_ms;
    }
}

int64_t timezone_next_change_ms(const Timezone *zone, int64_t at_ms) {
    size_t n = count_changes(zone, floor_seconds(at_ms));
    int64_t next_ms;

    if (n == zone->n_changes || __builtin_mul_overflow(zone->changes[n].at_s, 1000, &next_ms))
        return TIME_NEVER;
    return next_ms;
}
