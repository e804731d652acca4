/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two rounds. The first reads the file to its end and keeps, of each all-day event, what says on which days
 * it is. The second expands them: an event with a RECURRENCE-ID takes the place of a day of another event
 * with the same UID, and may stand before or after it.
 *
 * Properties of an event come in any order, and only DTSTART says whether the event is all-day at all. So
 * they are kept until the event ends, and those of an event with a time of day are never looked at.
 */
#include "lib/calendar/icalendar.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/calendar/date.h"
#include "lib/calendar/icalendar_line.h"
#include "lib/calendar/recurrence.h"

#define EVENT_DAYS_MAX 3660 /* ten years */
#define OFFENCE_LEN_MAX 60

enum {
    P_START,
    P_END,
    P_DURATION,
    P_RULE,
    P_OLD_RULE,
    P_ADDED,
    P_EXCLUDED,
    P_STATUS,
    P_UID,
    P_MOVED,
    _P_MAX
};

static const struct {
    const char *name;
    bool many; /* may be there several times */
} property_kinds[_P_MAX] = {
        [P_START] = {"DTSTART", false},
        [P_END] = {"DTEND", false},
        [P_DURATION] = {"DURATION", false},
        [P_RULE] = {"RRULE", false},
        [P_OLD_RULE] = {"EXRULE", true},
        [P_ADDED] = {"RDATE", true},
        [P_EXCLUDED] = {"EXDATE", true},
        [P_STATUS] = {"STATUS", false},
        [P_UID] = {"UID", false},
        [P_MOVED] = {"RECURRENCE-ID", false},
};

typedef struct Property Property;
struct Property {
    IcalendarLine line;
    Property *next; /* of its kind */
};

typedef struct Dates {
    int32_t *days;
    size_t n;
} Dates;

typedef struct Event Event;
struct Event {
    Event *next;
    Str uid; /* null: none */
    int32_t start;
    int32_t n_days;
    const Recurrence *rule; /* NULL: none */
    Dates added, excluded;
};

/* A day of a recurring event that another event takes the place of. */
typedef struct Moved {
    Str uid;
    int32_t day;
} Moved;

typedef struct Reader {
    Arena *arena;
    DaySet *days;
    IcalendarLines lines;
    Str open[ICALENDAR_DEPTH_MAX]; /* components, the outermost first */
    size_t depth;
    /* of the event that is being read */
    unsigned event_line;
    Property *properties[_P_MAX];

    Event *events;
    size_t n_events, n_rules, n_dates;
    Moved *moved; /* ICALENDAR_MOVED_MAX of them, from the first on that there is */
    size_t n_moved;
    IcalendarError *error;
} Reader;

static int fail(Reader *reader, unsigned line, const char *format, ...) PRINTF_LIKE(3, 4);
static int fail(Reader *reader, unsigned line, const char *format, ...) {
    va_list arguments;

    reader->error->line = line;
    va_start(arguments, format);
    (void)vsnprintf(reader->error->text, sizeof(reader->error->text), format, arguments);
    va_end(arguments);
    return ICALENDAR_E_FORMAT;
}

static Str offence(Str s) {
    return (Str){s.data, str_cut(s, OFFENCE_LEN_MAX)};
}

/* --- the properties of an all-day event -------------------------------------------------------------- */

/* Is it a date, and which? A date with a time is none; what is neither is an error. */
static int read_start(Reader *reader, const IcalendarLine *line, bool *ret_all_day, int32_t *ret_day) {
    Str type = icalendar_parameter(line, "VALUE");
    Str date = {line->value.data, MIN(line->value.len, (size_t)8)};
    int32_t day;
    bool is_date = recurrence_parse_date(date, &day);
    bool has_time = line->value.len >= 15 && (line->value.data[8] == 'T' || line->value.data[8] == 't');

    *ret_all_day = str_is_null(type) ? !has_time : icalendar_name_is(type, "DATE");
    if (!is_date || (*ret_all_day ? line->value.len != 8 : !has_time))
        return fail(reader, line->number, "bad %.*s \"%.*s\": expected a date such as 20261225",
                STR_FMT(offence(line->name)), STR_FMT(offence(line->value)));
    *ret_day = day;
    return 0;
}

/* A property of an event that is all-day. */
static int read_date(Reader *reader, const IcalendarLine *line, int32_t *ret_day) {
    if (recurrence_parse_date(line->value, ret_day))
        return 0;
    return fail(reader, line->number,
            "bad %.*s \"%.*s\": expected a date such as 20261225, as DTSTART is one",
            STR_FMT(offence(line->name)), STR_FMT(offence(line->value)));
}

/* "P1D", "P2W" */
static bool parse_duration(Str text, int32_t *ret_days) {
    int number;
    if (text.len > 0 && text.data[0] == '+')
        text = (Str){text.data + 1, text.len - 1};
    if (text.len < 3 || text.len > 6 || (text.data[0] != 'P' && text.data[0] != 'p'))
        return false;
    Str digits = {text.data + 1, text.len - 2}, unit = {text.data + text.len - 1, 1};
    if (!date_take_number(&digits, digits.len, 1, EVENT_DAYS_MAX, &number))
        return false;
    if (icalendar_name_is(unit, "W"))
        number *= 7;
    else if (!icalendar_name_is(unit, "D"))
        return false;
    *ret_days = number;
    return number <= EVENT_DAYS_MAX;
}

static int read_length(Reader *reader, Event *event) {
    const Property *end = reader->properties[P_END], *duration = reader->properties[P_DURATION];
    int32_t day;
    int r;

    event->n_days = 1;
    if (end && duration)
        return fail(reader, duration->line.number, "the event has DTEND and DURATION: expected one of them");
    if (duration && !parse_duration(duration->line.value, &event->n_days))
        return fail(reader, duration->line.number,
                "bad DURATION \"%.*s\": expected days or weeks such as P1D, %d days at most",
                STR_FMT(offence(duration->line.value)), EVENT_DAYS_MAX);
    if (!end)
        return 0;

    r = read_date(reader, &end->line, &day);
    if (r != 0)
        return r;
    if (day < event->start || day - event->start > EVENT_DAYS_MAX)
        return fail(reader, end->line.number,
                "bad DTEND \"%.*s\": expected the day after the event's last, %d days after DTSTART at most",
                STR_FMT(offence(end->line.value)), EVENT_DAYS_MAX);
    /* Many programs write the day itself as the end of an event of one day. */
    event->n_days = MAX(day - event->start, 1);
    return 0;
}

static int compare_days(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static size_t count_items(Str list) {
    size_t n = 1;
    for (size_t i = 0; i < list.len; i++)
        n += list.data[i] == ',';
    return n;
}

/* All lines of a kind together, in order. */
static int read_dates(Reader *reader, const Property *first, Dates *dates) {
    size_t n = 0;

    for (const Property *p = first; p; p = p->next) {
        n += count_items(p->line.value);
        reader->n_dates += count_items(p->line.value);
        if (reader->n_dates > ICALENDAR_DATES_MAX)
            return fail(
                    reader, p->line.number, "more than %d dates in EXDATE and RDATE", ICALENDAR_DATES_MAX);
    }
    if (n > 0 && !(dates->days = arena_new_array(reader->arena, int32_t, n)))
        return -ENOMEM;
    for (const Property *p = first; p; p = p->next) {
        Str rest = p->line.value;
        for (size_t n_items = count_items(rest); n_items > 0; n_items--) {
            const char *comma = rest.len ? memchr(rest.data, ',', rest.len) : NULL;
            IcalendarLine item = p->line;
            item.value.len = comma ? (size_t)(comma - rest.data) : rest.len;
            item.value.data = rest.data;
            int r = read_date(reader, &item, &dates->days[dates->n++]);
            if (r != 0)
                return r;
            if (comma)
                rest = (Str){comma + 1, rest.len - item.value.len - 1};
        }
    }
    if (dates->n > 0)
        qsort(dates->days, dates->n, sizeof(*dates->days), compare_days);
    return 0;
}

static int read_rule(Reader *reader, Event *event) {
    const Property *old = reader->properties[P_OLD_RULE], *property = reader->properties[P_RULE];
    char text[RECURRENCE_TEXT_SIZE];

    if (old)
        return fail(reader, old->line.number, "\"EXRULE\" is not supported: expected EXDATE");
    if (!property)
        return 0;
    if (reader->n_rules++ == ICALENDAR_RULES_MAX)
        return fail(reader, property->line.number, "more than %d recurring events", ICALENDAR_RULES_MAX);

    Recurrence *rule = arena_new_array(reader->arena, Recurrence, 1);
    if (!rule)
        return -ENOMEM;
    if (recurrence_parse(property->line.value, rule, text) != 0)
        return fail(reader, property->line.number, "%s", text);
    event->rule = rule;
    return 0;
}

/* Remembers which day the event takes the place of, be it cancelled or now at a time of day. */
static int read_moved(Reader *reader, bool *ret_is_moved) {
    const Property *property = reader->properties[P_MOVED], *uid = reader->properties[P_UID];
    int32_t day;

    *ret_is_moved = property != NULL;
    if (!property || !recurrence_parse_date(property->line.value, &day) || !uid)
        return 0; /* with a time of day it belongs to an event that is no holiday */
    if (!str_is_null(icalendar_parameter(&property->line, "RANGE")))
        return fail(
                reader, property->line.number, "RANGE is not supported: expected a RECURRENCE-ID without it");
    if (reader->n_moved == ICALENDAR_MOVED_MAX)
        return fail(reader, property->line.number, "more than %d RECURRENCE-ID", ICALENDAR_MOVED_MAX);
    if (!reader->moved && !(reader->moved = arena_new_array(reader->arena, Moved, ICALENDAR_MOVED_MAX)))
        return -ENOMEM;
    reader->moved[reader->n_moved++] = (Moved){uid->line.value, day};
    return 0;
}

static bool is_cancelled(const Reader *reader) {
    const Property *status = reader->properties[P_STATUS];
    return status && icalendar_name_is(status->line.value, "CANCELLED");
}

static int end_event(Reader *reader) {
    const Property *start = reader->properties[P_START], *uid = reader->properties[P_UID];
    bool all_day = false, is_moved = false;
    int32_t day = 0;
    int r;

    if (!start)
        return fail(reader, reader->event_line, "the event has no DTSTART: expected a date such as 20261225");
    r = read_moved(reader, &is_moved);
    if (r == 0)
        r = read_start(reader, &start->line, &all_day, &day);
    if (r != 0 || !all_day || is_cancelled(reader))
        return r;
    if (reader->n_events++ == ICALENDAR_EVENTS_MAX)
        return fail(reader, reader->event_line, "more than %d all-day events", ICALENDAR_EVENTS_MAX);

    Event *event = arena_new_array(reader->arena, Event, 1);
    if (!event)
        return -ENOMEM;
    event->start = day;
    /* What has taken a day's place does not recur. */
    event->uid = uid && !is_moved ? uid->line.value : STR_NULL;
    r = read_length(reader, event);
    if (r == 0)
        r = read_rule(reader, event);
    if (r == 0)
        r = read_dates(reader, reader->properties[P_ADDED], &event->added);
    if (r == 0)
        r = read_dates(reader, reader->properties[P_EXCLUDED], &event->excluded);
    event->next = reader->events;
    reader->events = event;
    return r;
}

/* --- the file ---------------------------------------------------------------------------------------- */

static bool in_event(const Reader *reader) {
    return reader->depth == 2 && icalendar_name_is(reader->open[1], "VEVENT");
}

static int begin_component(Reader *reader, const IcalendarLine *line) {
    bool is_calendar = icalendar_name_is(line->value, "VCALENDAR");
    bool is_event = icalendar_name_is(line->value, "VEVENT");

    if (is_calendar != (reader->depth == 0) || (is_event && reader->depth != 1))
        return fail(reader, line->number,
                "\"BEGIN:%.*s\" in the wrong place: expected VEVENT within VCALENDAR",
                STR_FMT(offence(line->value)));
    if (reader->depth == ICALENDAR_DEPTH_MAX)
        return fail(reader, line->number, "more than %d components within each other", ICALENDAR_DEPTH_MAX);
    reader->open[reader->depth++] = line->value;
    if (is_event) {
        reader->event_line = line->number;
        memset(reader->properties, 0, sizeof(reader->properties));
    }
    return 0;
}

static int end_component(Reader *reader, const IcalendarLine *line) {
    Str open = reader->depth > 0 ? reader->open[reader->depth - 1] : STR_NULL;
    int r = 0;

    if (!str_eq(open, line->value))
        return fail(reader, line->number, "\"END:%.*s\" without its BEGIN", STR_FMT(offence(line->value)));
    if (in_event(reader))
        r = end_event(reader);
    reader->depth--;
    return r;
}

static int keep_property(Reader *reader, const IcalendarLine *line) {
    for (size_t i = 0; i < _P_MAX; i++) {
        Property **kept = &reader->properties[i];

        if (!icalendar_name_is(line->name, property_kinds[i].name))
            continue;
        if (*kept && !property_kinds[i].many)
            return fail(reader, line->number, "%s is in the event twice", property_kinds[i].name);
        Property *property = arena_new_array(reader->arena, Property, 1);
        if (!property)
            return -ENOMEM;
        *property = (Property){*line, *kept};
        *kept = property;
    }
    return 0;
}

static int read_line(Reader *reader, const IcalendarLine *line) {
    if (icalendar_name_is(line->name, "BEGIN"))
        return begin_component(reader, line);
    if (reader->depth == 0)
        return fail(reader, line->number, "not an iCalendar file: expected BEGIN:VCALENDAR, got \"%.*s\"",
                STR_FMT(offence(line->name)));
    if (icalendar_name_is(line->name, "END"))
        return end_component(reader, line);
    return in_event(reader) ? keep_property(reader, line) : 0;
}

static int read_lines(Reader *reader) {
    IcalendarLine line;
    unsigned n_read = 0;
    int r = 0;

    while (r == 0 && icalendar_lines_next(&reader->lines, &line)) {
        r = read_line(reader, &line);
        n_read++;
    }
    if (r == 0 && !str_is_null(line.name))
        return reader->depth == 0 ? read_line(reader, &line)
                                  : fail(reader, line.number, "\"%.*s\": expected NAME:value",
                                            STR_FMT(offence(line.name)));
    if (r == 0 && n_read == 0)
        return fail(reader, 1, "not an iCalendar file: expected BEGIN:VCALENDAR, got nothing");
    if (r == 0 && reader->depth > 0)
        return fail(reader, reader->lines.n_lines, "the file breaks off: expected END:%.*s",
                STR_FMT(offence(reader->open[reader->depth - 1])));
    return r;
}

/* --- expansion --------------------------------------------------------------------------------------- */

typedef struct Expansion {
    DaySet *days;
    const Event *event;
    int32_t marked; /* the rule's days before this one are in the set */
} Expansion;

static bool is_excluded(const Event *event, int32_t day) {
    return event->excluded.n > 0 &&
           bsearch(&day, event->excluded.days, event->excluded.n, sizeof(day), compare_days);
}

/* Long events that recur each day are not marked again and again. */
static void mark(void *userdata, int32_t day) {
    Expansion *expansion = userdata;
    int32_t end = day + expansion->event->n_days;

    if (is_excluded(expansion->event, day))
        return;
    day_set_add(expansion->days, MAX(day, expansion->marked), end);
    expansion->marked = end;
}

/* Days that other events have taken the place of are excluded like those of EXDATE. */
static int exclude_moved(Reader *reader, Event *event) {
    Dates all = {0};
    size_t n = 0;

    for (size_t i = 0; i < reader->n_moved; i++)
        n += str_eq(reader->moved[i].uid, event->uid);
    if (n == 0)
        return 0;
    all.days = arena_new_array(reader->arena, int32_t, event->excluded.n + n);
    if (!all.days)
        return -ENOMEM;
    for (size_t i = 0; i < event->excluded.n; i++)
        all.days[all.n++] = event->excluded.days[i];
    for (size_t i = 0; i < reader->n_moved; i++)
        if (str_eq(reader->moved[i].uid, event->uid))
            all.days[all.n++] = reader->moved[i].day;
    qsort(all.days, all.n, sizeof(*all.days), compare_days);
    event->excluded = all;
    return 0;
}

static int expand(Reader *reader, Event *event) {
    Expansion expansion = {.days = reader->days, .event = event, .marked = INT32_MIN};
    int r = 0;

    if (!str_is_null(event->uid) && (event->rule || event->added.n > 0))
        r = exclude_moved(reader, event);
    if (r < 0)
        return r;
    if (event->rule)
        recurrence_expand(event->rule, event->start, mark, &expansion);
    else
        mark(&expansion, event->start);
    for (size_t i = 0; i < event->added.n; i++)
        if (!is_excluded(event, event->added.days[i]))
            day_set_add(reader->days, event->added.days[i], event->added.days[i] + event->n_days);
    return 0;
}

int icalendar_read(Arena *scratch, Str bytes, DaySet *days, IcalendarError *ret_error) {
    Reader reader = {.arena = scratch, .days = days, .error = ret_error};
    int r;

    if (bytes.len > ICALENDAR_BYTES_MAX)
        return fail(&reader, 1, "the file is larger than %d MiB", ICALENDAR_BYTES_MAX / (1024 * 1024));
    r = icalendar_lines_init(&reader.lines, scratch, bytes);
    if (r == 0)
        r = read_lines(&reader);
    for (Event *event = reader.events; r == 0 && event; event = event->next)
        r = expand(&reader, event);
    return r;
}
