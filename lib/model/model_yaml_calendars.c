/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calendars: hours by weekday in a time zone, and the days that differ. The zone and the holidays are files
 * of their own, handed in as bytes; what is read from them goes into the model, the bytes do not.
 */
#include "lib/model/model_yaml.h"

#include "lib/calendar/date.h"
#include "lib/calendar/icalendar.h"

/* What a list of intervals may hold, and a list of dates. Weekly hours have a key for each range of days. */
#define INTERVALS_MAX 48
#define DATES_MAX 1000
#define WEEKDAYS 7
#define HOURS_KEYS_MAX (WEEKDAYS * WEEKDAYS)
#define INTERVALS_EXPECTED "a list of intervals such as [\"09:00-17:00\"]"
#define DATE_EXPECTED "a date such as 2026-12-25 expected"

static const struct {
    Str id;
} weekdays[WEEKDAYS] = {
        {STR_LITERAL("mon")},
        {STR_LITERAL("tue")},
        {STR_LITERAL("wed")},
        {STR_LITERAL("thu")},
        {STR_LITERAL("fri")},
        {STR_LITERAL("sat")},
        {STR_LITERAL("sun")},
};

/* A calendar that is being read: what only its making needs is in an arena of its own. */
typedef struct Draft {
    Arena *scratch;
    CalendarSpec spec;
    CalendarInterval *week[WEEKDAYS];
} Draft;

/* --- hours ------------------------------------------------------------------------------------------- */

/* "09:00"; "24:00" too. */
static bool take_time(Str *s, int *ret_min) {
    int hours, minutes;
    if (!date_take_number(s, 2, 0, 24, &hours) || s->len == 0 || s->data[0] != ':')
        return false;
    *s = (Str){s->data + 1, s->len - 1};
    if (!date_take_number(s, 2, 0, 59, &minutes))
        return false;
    *ret_min = hours * 60 + minutes;
    return *ret_min <= CALENDAR_DAY_MINUTES;
}

static bool parse_interval(Str text, CalendarInterval *interval) {
    if (!take_time(&text, &interval->begin_min) || text.len == 0 || text.data[0] != '-')
        return false;
    text = (Str){text.data + 1, text.len - 1};
    return take_time(&text, &interval->end_min) && text.len == 0 &&
           interval->begin_min < CALENDAR_DAY_MINUTES;
}

static bool read_interval(ModelLoader *l, const YamlNode *node, CalendarInterval *interval) {
    Str text;

    if (!yaml_string(node, "an interval", l->diagnostics, &text))
        return false;
    if (!parse_interval(text, interval)) {
        loader_error(
                l, node, "bad interval \"%.*s\": expected times of day such as \"09:00-17:00\"", SHOWN(node));
        return false;
    }
    if (interval->end_min == interval->begin_min) {
        loader_error(l, node, "interval \"%.*s\" has no length: expected \"00:00-24:00\" for a whole day",
                SHOWN(node));
        return false;
    }
    if (interval->end_min < interval->begin_min)
        interval->end_min += CALENDAR_DAY_MINUTES;
    return true;
}

/* The intervals of a list, into `ret`, which has room for INTERVALS_MAX. Returns how many. */
static size_t read_intervals(ModelLoader *l, const YamlNode *list, const char *key, CalendarInterval *ret) {
    size_t n = 0;

    if (!loader_check_type(l, list, YAML_SEQUENCE, key, INTERVALS_EXPECTED))
        return 0;
    if (list->n_items > INTERVALS_MAX)
        loader_error(l, list->items[INTERVALS_MAX], "%s: %zu are too many, the limit is %d", key,
                list->n_items, INTERVALS_MAX);
    for (size_t i = 0; i < MIN(list->n_items, INTERVALS_MAX); i++)
        n += read_interval(l, list->items[i], &ret[n]);
    return n;
}

/* "mon" or "mon-fri"; the range may go over the end of the week. */
static bool read_weekdays(ModelLoader *l, const YamlNode *key, unsigned *ret_first, unsigned *ret_last) {
    const char *dash = memchr(key->text.data, '-', key->text.len);
    size_t n_first = dash ? (size_t)(dash - key->text.data) : key->text.len;
    YamlNode first = loader_part(key, 0, n_first);
    IdList ids = ID_LIST(weekdays, WEEKDAYS);

    if (!loader_find(l, &first, "weekday", ids, ret_first))
        return false;
    *ret_last = *ret_first;
    if (!dash)
        return true;
    YamlNode last = loader_part(key, n_first + 1, key->text.len - n_first - 1);
    return loader_find(l, &last, "weekday", ids, ret_last);
}

static int read_hours(ModelLoader *l, const YamlNode *item, Draft *draft) {
    static const Collection collection = {"hours", YAML_MAPPING,
            "hours by weekday such as { mon-fri: [\"09:00-17:00\"] }", 1, HOURS_KEYS_MAX};
    CalendarInterval intervals[INTERVALS_MAX];
    size_t n_errors = l->diagnostics->n_errors;
    size_t n_keys, n_total = 0;

    (void)loader_require(l, item, "calendar", "hours", collection.expected);
    const YamlNode *hours = loader_collection(l, item, &collection, &n_keys);
    for (size_t d = 0; d < WEEKDAYS; d++) {
        draft->week[d] = arena_new_array(draft->scratch, CalendarInterval, n_keys * INTERVALS_MAX);
        if (!draft->week[d])
            return -ENOMEM;
        draft->spec.week[d].intervals = draft->week[d];
    }
    for (size_t i = 0; i < n_keys; i++) {
        unsigned day, last;
        bool known = read_weekdays(l, hours->keys[i], &day, &last);
        size_t n = read_intervals(l, hours->items[i], hours->keys[i]->text.data, intervals);

        n_total += n;
        for (bool more = known; more; day = (day + 1) % WEEKDAYS) {
            CalendarHours *of_day = &draft->spec.week[day];
            memcpy(draft->week[day] + of_day->n, intervals, n * sizeof(*intervals));
            of_day->n += n;
            more = day != last;
        }
    }
    if (hours && n_total == 0 && l->diagnostics->n_errors == n_errors)
        loader_error(l, hours, "hours: the calendar has no hours in a week: expected an interval at least");
    return 0;
}

/* --- days that differ -------------------------------------------------------------------------------- */

static int read_closed(ModelLoader *l, const YamlNode *item, Draft *draft) {
    static const Collection collection = {
            "closed", YAML_SEQUENCE, "a list of dates such as [2026-12-25]", 0, DATES_MAX};
    size_t n;
    const YamlNode *list = loader_collection(l, item, &collection, &n);
    int32_t *days = arena_new_array(draft->scratch, int32_t, n);

    if (!days)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const YamlNode *node = list->items[i];
        Str text;

        if (!yaml_string(node, "closed", l->diagnostics, &text))
            continue;
        if (date_parse(text, &days[draft->spec.n_closed]))
            draft->spec.n_closed++;
        else
            loader_error(l, node, "closed: " DATE_EXPECTED ", got \"%.*s\"", SHOWN(node));
    }
    if (list)
        loader_check_repeats(l, list, n, "closed");
    draft->spec.closed = days;
    return 0;
}

static int read_open(ModelLoader *l, const YamlNode *item, Draft *draft) {
    static const Collection collection = {"open", YAML_MAPPING,
            "dates with their hours such as { 2026-12-24: [\"09:00-12:00\"] }", 0, DATES_MAX};
    size_t n;
    const YamlNode *open = loader_collection(l, item, &collection, &n);
    CalendarOpenDay *days = arena_new_array(draft->scratch, CalendarOpenDay, n);

    if (!days)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const YamlNode *key = open->keys[i];
        CalendarOpenDay *day = &days[draft->spec.n_open];
        CalendarInterval intervals[INTERVALS_MAX];
        size_t n_intervals = read_intervals(l, open->items[i], key->text.data, intervals);
        CalendarInterval *copy = arena_new_array(draft->scratch, CalendarInterval, n_intervals);

        if (!copy)
            return -ENOMEM;
        memcpy(copy, intervals, n_intervals * sizeof(*copy));
        day->hours = (CalendarHours){copy, n_intervals};
        if (date_parse(key->text, &day->day))
            draft->spec.n_open++;
        else
            loader_error(l, key, "open: " DATE_EXPECTED ", got \"%.*s\"", SHOWN(key));
    }
    draft->spec.open = days;
    return 0;
}

/* --- files ------------------------------------------------------------------------------------------- */

/* The bytes of a file that the model refers to. *ret is null after an error that has been reported. */
static int read_file(ModelLoader *l, Draft *draft, const YamlNode *node, const char *key,
        int (*file)(void *userdata, Arena *arena, Str name, Str *ret, const char **ret_why), Str *ret) {
    const char *why = "no files are to be had here";
    Str name;
    int r = 1;

    *ret = STR_NULL;
    if (!yaml_string(node, key, l->diagnostics, &name))
        return 0;
    if (file)
        r = file(l->files->userdata, draft->scratch, name, ret, &why);
    if (r > 0) {
        *ret = STR_NULL;
        loader_error(l, node, "%s \"%.*s\": %s", key, SHOWN(node), why);
    }
    return MIN(r, 0);
}

static int read_zone(ModelLoader *l, const YamlNode *item, Draft *draft) {
    const YamlNode *node =
            loader_require(l, item, "calendar", "zone", "a time zone such as America/New_York");
    const char *why;
    Str bytes;
    int r;

    if (!node)
        return 0;
    r = read_file(l, draft, node, "zone", l->files ? l->files->zone : NULL, &bytes);
    if (r < 0 || str_is_null(bytes))
        return r;
    r = timezone_read(l->arena, bytes, &draft->spec.zone, &why);
    if (r > 0)
        loader_error(l, node, "zone \"%.*s\": its file can't be used: %s", SHOWN(node), why);
    return MIN(r, 0);
}

static int read_holidays(ModelLoader *l, const YamlNode *item, Draft *draft) {
    const YamlNode *node = loader_get(item, "holidays");
    IcalendarError error;
    DaySet *days;
    Str bytes;
    int r;

    if (!node)
        return 0;
    r = read_file(l, draft, node, "holidays", l->files ? l->files->holidays : NULL, &bytes);
    if (r < 0 || str_is_null(bytes))
        return r;
    days = day_set_new(l->arena);
    if (!days)
        return -ENOMEM;
    r = icalendar_read(draft->scratch, bytes, days, &error);
    if (r > 0)
        loader_error(l, node, "holidays \"%.*s\", line %u: %s", SHOWN(node), error.line, error.text);
    draft->spec.holidays = days;
    return MIN(r, 0);
}

static int read_calendar(ModelLoader *l, const YamlNode *item, NamedCalendar *named) {
    static int (*const parts[])(ModelLoader *, const YamlNode *, Draft *) = {
            read_zone, read_hours, read_closed, read_open, read_holidays};
    _cleanup_(arena_free) Arena *scratch = NULL;
    Draft draft = {0};
    int r;

    r = arena_new(&scratch);
    draft.scratch = scratch;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++)
        r = parts[i](l, item, &draft);
    return r == 0 ? calendar_new(l->arena, &draft.spec, &named->calendar) : r;
}

int loader_declare_calendars(ModelLoader *l) {
    static const Collection calendars = {"calendars", YAML_MAPPING,
            "named calendars such as { office: { zone: Europe/Berlin, hours: { mon-fri: [\"09:00-17:00\"] } "
            "} }",
            0, MODEL_CALENDARS_MAX};
    static const char *const keys[] = {"zone", "hours", "closed", "open", "holidays"};
    Model *model = l->model;
    const YamlNode *node = loader_collection(l, l->root, &calendars, &model->n_calendars);
    int r;

    r = LOADER_ALLOC(l, model->calendars, model->n_calendars);
    for (size_t i = 0; r == 0 && i < model->n_calendars; i++) {
        NamedCalendar *named = &model->calendars[i];

        named->id = loader_key_id(l, node->keys[i], "calendar");
        if (loader_check_mapping(l, node->items[i], "a calendar", KEY_SET(keys)))
            r = read_calendar(l, node->items[i], named);
    }
    return r;
}
