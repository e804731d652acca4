/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 5545 describes a rule as a process: each part expands a period into more days or limits them. For the
 * parts that are read here that comes to a test of a single day that does not look at others: its year,
 * month, week or day is a multiple of the interval away from the first, and it is in each of the lists. Where
 * a list is absent and nothing else says which day of the period is meant, the first day says it. So rules
 * are worked off month by month, with the days of a month as the bits of a word, and are in order by
 * themselves.
 */
#include "lib/calendar/recurrence.h"

#include <stdio.h>

#include "lib/calendar/date.h"

#define ALL_DAYS UINT32_C(0xfffffffe)
#define OFFENCE_LEN_MAX 60

/* --- reading ----------------------------------------------------------------------------------------- */

static const char *const frequencies[] = {"YEARLY", "MONTHLY", "WEEKLY", "DAILY"};
static const char *const weekdays[] = {"MO", "TU", "WE", "TH", "FR", "SA", "SU"};

bool recurrence_parse_date(Str text, int32_t *ret_day) {
    Date date;
    if (!date_take_number(&text, 4, 0, DATE_YEAR_MAX, &date.year) ||
            !date_take_number(&text, 2, 1, 12, &date.month) ||
            !date_take_number(&text, 2, 1, date_month_days(date.year, date.month), &date.day) ||
            text.len != 0)
        return false;
    *ret_day = date_to_day(date);
    return true;
}

static bool eq_any_case(Str a, const char *b) {
    size_t n = strlen(b);
    if (a.len != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = a.data[i];
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if (c != b[i])
            return false;
    }
    return true;
}

static bool find_word(Str text, const char *const *words, size_t n, int *ret) {
    for (size_t i = 0; i < n; i++) {
        if (!eq_any_case(text, words[i]))
            continue;
        *ret = (int)i;
        return true;
    }
    return false;
}

/* Up to the separator, which goes too; false: there is nothing more. */
static bool take_part(Str *rest, char separator, Str *ret) {
    if (!rest->data)
        return false;
    const char *end = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
    if (!end) {
        *ret = *rest;
        *rest = STR_NULL;
        return true;
    }
    *ret = (Str){rest->data, (size_t)(end - rest->data)};
    *rest = (Str){end + 1, rest->len - ret->len - 1};
    return true;
}

/* With a sign, where negative numbers are allowed. */
static bool parse_number(Str text, int min, int max, int *ret) {
    bool negative = text.len > 0 && text.data[0] == '-';
    int number = 0;

    if (min < 0 && text.len > 0 && (negative || text.data[0] == '+'))
        text = (Str){text.data + 1, text.len - 1};
    if (text.len == 0 || text.len > 7 || !date_take_number(&text, text.len, 0, MAX(max, -min), &number))
        return false;
    if (negative)
        number = -number;
    if (number < min || number > max)
        return false;
    *ret = number;
    return true;
}

/* --- the parts; each takes what is behind the "=" ---------------------------------------------------- */

static bool read_freq(Str value, Recurrence *rule) {
    int found;
    if (!find_word(value, frequencies, ARRAY_SIZE(frequencies), &found))
        return false;
    rule->frequency = (Frequency)found;
    return true;
}

static bool read_interval(Str value, Recurrence *rule) {
    return parse_number(value, 1, RECURRENCE_NUMBER_MAX, &rule->interval);
}

static bool read_count(Str value, Recurrence *rule) {
    return parse_number(value, 1, RECURRENCE_NUMBER_MAX, &rule->count);
}

/* For all-day events a date is asked for, yet many programs write a time behind it. */
static bool read_until(Str value, Recurrence *rule) {
    Str date = {value.data, MIN(value.len, (size_t)8)}, time = {value.data + date.len, value.len - date.len};
    int number;

    if (time.len > 0 && (time.data[0] == 'T' || time.data[0] == 't')) {
        time = (Str){time.data + 1, time.len - 1};
        if (!date_take_number(&time, 6, 0, 235960, &number))
            return false;
        if (time.len == 1 && (time.data[0] == 'Z' || time.data[0] == 'z'))
            time.len = 0;
    }
    return time.len == 0 && recurrence_parse_date(date, &rule->until);
}

static bool read_by_month(Str value, Recurrence *rule) {
    Str item;
    int month;
    while (take_part(&value, ',', &item)) {
        if (!parse_number(item, 1, 12, &month))
            return false;
        rule->months |= (uint16_t)(1U << month);
    }
    return true;
}

static bool read_by_month_day(Str value, Recurrence *rule) {
    Str item;
    int day;
    while (take_part(&value, ',', &item)) {
        if (!parse_number(item, -31, 31, &day) || day == 0)
            return false;
        if (day > 0)
            rule->days |= UINT32_C(1) << day;
        else
            rule->last_days |= UINT32_C(1) << -day;
    }
    return true;
}

static bool read_weekday(Str item, Recurrence *rule) {
    NumberedWeekday numbered;
    if (item.len < 2 ||
            !find_word((Str){item.data + item.len - 2, 2}, weekdays, ARRAY_SIZE(weekdays), &numbered.weekday))
        return false;
    if (item.len == 2) {
        rule->weekdays |= (uint8_t)(1U << numbered.weekday);
        return true;
    }
    if (rule->n_numbered == RECURRENCE_NUMBERED_MAX ||
            !parse_number((Str){item.data, item.len - 2}, -53, 53, &numbered.number) || numbered.number == 0)
        return false;
    rule->numbered[rule->n_numbered++] = numbered;
    return true;
}

static bool read_by_day(Str value, Recurrence *rule) {
    Str item;
    while (take_part(&value, ',', &item))
        if (!read_weekday(item, rule))
            return false;
    return true;
}

static bool read_week_start(Str value, Recurrence *rule) {
    (void)rule;
    return eq_any_case(value, "MO");
}

enum {
    PART_FREQ,
    PART_INTERVAL,
    PART_COUNT,
    PART_UNTIL,
    PART_BYMONTH,
    PART_BYMONTHDAY,
    PART_BYDAY,
    PART_WKST
};

static const struct {
    const char *name;
    bool (*read)(Str value, Recurrence *rule);
    const char *expected;
} parts[] = {
        [PART_FREQ] = {"FREQ", read_freq, "YEARLY, MONTHLY, WEEKLY or DAILY"},
        [PART_INTERVAL] = {"INTERVAL", read_interval, "a number from 1 to 1000000"},
        [PART_COUNT] = {"COUNT", read_count, "a number from 1 to 1000000"},
        [PART_UNTIL] = {"UNTIL", read_until, "a date such as 20301231"},
        [PART_BYMONTH] = {"BYMONTH", read_by_month, "months such as 1,12"},
        [PART_BYMONTHDAY] = {"BYMONTHDAY", read_by_month_day, "days of the month such as 1,-1"},
        [PART_BYDAY] = {"BYDAY", read_by_day, "weekdays such as MO,-1FR, at most 64 with a number"},
        [PART_WKST] = {"WKST", read_week_start, "MO: weeks begin on Monday"},
};

#define FAIL(text, ...) ((void)snprintf((text), RECURRENCE_TEXT_SIZE, __VA_ARGS__), RECURRENCE_E_TEXT)

static Str offence(Str s) {
    return (Str){s.data, str_cut(s, OFFENCE_LEN_MAX)};
}

/* One part; *seen has a bit for each that was there before. */
static int read_part(Str part, Recurrence *rule, unsigned *seen, char *text) {
    const char *equals = part.len ? memchr(part.data, '=', part.len) : NULL;
    Str name = {part.data, equals ? (size_t)(equals - part.data) : part.len};

    for (size_t i = 0; equals && i < ARRAY_SIZE(parts); i++) {
        if (!eq_any_case(name, parts[i].name))
            continue;
        if (*seen & 1U << i)
            return FAIL(text, "%s is in the RRULE twice", parts[i].name);
        *seen |= 1U << i;
        if (!parts[i].read((Str){equals + 1, part.len - name.len - 1}, rule))
            return FAIL(
                    text, "bad RRULE part \"%.*s\": expected %s", STR_FMT(offence(part)), parts[i].expected);
        return 0;
    }
    return FAIL(text,
            "RRULE part \"%.*s\" is not supported: expected FREQ, INTERVAL, COUNT, UNTIL, BYMONTH, "
            "BYMONTHDAY "
            "or BYDAY",
            STR_FMT(offence(part)));
}

static int check_together(const Recurrence *rule, unsigned seen, char *text) {
    bool by_days = rule->frequency == FREQUENCY_YEARLY || rule->frequency == FREQUENCY_MONTHLY;

    if (!(seen & 1U << PART_FREQ))
        return FAIL(text, "the RRULE has no FREQ: expected %s", parts[PART_FREQ].expected);
    if ((seen & 1U << PART_COUNT) && (seen & 1U << PART_UNTIL))
        return FAIL(text, "the RRULE has COUNT and UNTIL: expected one of them at most");
    if (rule->n_numbered > 0 && !by_days)
        return FAIL(text, "BYDAY has a numbered weekday: expected with FREQ=YEARLY and FREQ=MONTHLY only");
    if ((seen & 1U << PART_BYMONTHDAY) && rule->frequency == FREQUENCY_WEEKLY)
        return FAIL(text, "BYMONTHDAY is not for FREQ=WEEKLY: expected YEARLY, MONTHLY or DAILY");
    return 0;
}

int recurrence_parse(Str value, Recurrence *ret, char text[static RECURRENCE_TEXT_SIZE]) {
    Str part;
    unsigned seen = 0;
    int r = 0;

    *ret = (Recurrence){.interval = 1, .until = DATE_DAY_MAX};
    while (r == 0 && take_part(&value, ';', &part))
        r = read_part(part, ret, &seen, text);
    return r == 0 ? check_together(ret, seen, text) : r;
}

/* --- expansion --------------------------------------------------------------------------------------- */

typedef struct Month {
    int year, month;
    int32_t first; /* day */
    int n_days;
} Month;

/* Puts the first day where the rule does not say which day of its period is meant. */
static Recurrence complete(const Recurrence *given, Date start, int32_t start_day) {
    Recurrence rule = *given;
    bool by_month_day = rule.days || rule.last_days, by_day = rule.weekdays || rule.n_numbered;

    switch (rule.frequency) {
    case FREQUENCY_YEARLY:
        if (!by_month_day && !by_day && !rule.months)
            rule.months = (uint16_t)(1U << start.month);
        /* fall through */
    case FREQUENCY_MONTHLY:
        if (!by_month_day && !by_day)
            rule.days = UINT32_C(1) << start.day;
        break;
    case FREQUENCY_WEEKLY:
        if (!by_day)
            rule.weekdays = (uint8_t)(1U << date_weekday(start_day));
        break;
    case FREQUENCY_DAILY:
        break;
    }
    return rule;
}

/* Are the month's year and itself among those of the rule? */
static bool month_holds(const Recurrence *rule, Date start, int year, int month) {
    int months = (year - start.year) * 12 + month - start.month;

    if (rule->months && !(rule->months >> month & 1))
        return false;
    if (rule->frequency == FREQUENCY_YEARLY)
        return (year - start.year) % rule->interval == 0;
    return rule->frequency != FREQUENCY_MONTHLY || months % rule->interval == 0;
}

static uint32_t month_days_mask(const Recurrence *rule, const Month *month) {
    uint32_t mask = rule->days;

    if (!rule->days && !rule->last_days)
        return ALL_DAYS;
    for (int day = 1; rule->last_days && day <= month->n_days; day++)
        if (rule->last_days >> (month->n_days + 1 - day) & 1)
            mask |= UINT32_C(1) << day;
    return mask;
}

/* The numbered weekday within the days from `first` to `last`, or a day before `first`: there is none. */
static int32_t numbered_day(const NumberedWeekday *numbered, int32_t first, int32_t last) {
    int32_t day;
    if (numbered->number > 0)
        day = first + (numbered->weekday + 7 - date_weekday(first)) % 7 + 7 * (numbered->number - 1);
    else
        day = last - (date_weekday(last) + 7 - numbered->weekday) % 7 + 7 * (numbered->number + 1);
    return day >= first && day <= last ? day : first - 1;
}

/* Numbers count within the year where the frequency is a year and no month is named, else within the month.
 */
static uint32_t weekdays_mask(const Recurrence *rule, const Month *month) {
    bool in_year = rule->frequency == FREQUENCY_YEARLY && !rule->months;
    int32_t first = in_year ? date_to_day((Date){month->year, 1, 1}) : month->first;
    int32_t last = in_year ? date_to_day((Date){month->year, 12, 31}) : month->first + month->n_days - 1;
    uint32_t mask = 0;

    if (!rule->weekdays && rule->n_numbered == 0)
        return ALL_DAYS;
    for (int day = 1, weekday = date_weekday(month->first); day <= month->n_days;
            day++, weekday = (weekday + 1) % 7)
        if (rule->weekdays >> weekday & 1)
            mask |= UINT32_C(1) << day;
    for (size_t i = 0; i < rule->n_numbered; i++) {
        int32_t day = numbered_day(&rule->numbered[i], first, last) - month->first + 1;
        if (day >= 1 && day <= month->n_days)
            mask |= UINT32_C(1) << day;
    }
    return mask;
}

/* Weeks and days whose distance from the first is a multiple of the interval. */
static uint32_t interval_mask(const Recurrence *rule, const Month *month, int32_t start) {
    int32_t step = rule->frequency == FREQUENCY_WEEKLY ? 7 : 1;
    int32_t first = rule->frequency == FREQUENCY_WEEKLY ? start - date_weekday(start) : start;
    uint32_t mask = 0;

    if (rule->interval == 1 || (rule->frequency != FREQUENCY_WEEKLY && rule->frequency != FREQUENCY_DAILY))
        return ALL_DAYS;
    for (int day = 1; day <= month->n_days; day++) {
        int32_t distance = month->first + day - 1 - first;
        if (distance >= 0 && distance / step % rule->interval == 0)
            mask |= UINT32_C(1) << day;
    }
    return mask;
}

void recurrence_expand(
        const Recurrence *given, int32_t start, void (*found)(void *userdata, int32_t day), void *userdata) {
    Date date = date_from_day(start);
    Recurrence rule = complete(given, date, start);
    int n_left = rule.count > 0 ? rule.count : INT32_MAX;

    for (Month month = {.year = date.year, .month = date.month, .first = start - date.day + 1};
            month.year <= DATE_YEAR_MAX && month.first <= rule.until; month.first += month.n_days) {
        month.n_days = date_month_days(month.year, month.month);
        uint32_t mask = 0;
        if (month_holds(&rule, date, month.year, month.month))
            mask = month_days_mask(&rule, &month) & weekdays_mask(&rule, &month) &
                   interval_mask(&rule, &month, start);
        for (int day = 1; mask && day <= month.n_days; day++) {
            int32_t at = month.first + day - 1;
            if (!(mask >> day & 1) || at < start)
                continue;
            if (at > rule.until || n_left-- == 0)
                return;
            found(userdata, at);
        }
        month.year += month.month == 12;
        month.month = month.month % 12 + 1;
    }
}
