/* SPDX-License-Identifier: Apache-2.0 */
/* Who there is. All names are made up. */
#include <stdio.h>

#include "tests/demo/market_internal.h"

uint64_t chance_draw(Chance *chance) {
    uint64_t z = chance->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

double chance_uniform(Chance *chance) {
    return (double)(chance_draw(chance) >> 11) * 0x1p-53;
}

int64_t chance_between(Chance *chance, int64_t min, int64_t max) {
    assert(min < max);
    return min + (int64_t)(chance_draw(chance) % (uint64_t)(max - min));
}

bool chance_of(Chance *chance, double probability) {
    return chance_uniform(chance) < probability;
}

size_t chance_pick(Chance *chance, const unsigned *weights, size_t n) {
    unsigned sum = 0;
    size_t i = 0;
    for (size_t j = 0; j < n; j++)
        sum += weights[j];
    unsigned at = (unsigned)chance_between(chance, 0, sum);
    while (at >= weights[i])
        at -= weights[i++];
    return i;
}

/* ---- companies ---- */

static const char *const company_names[COMPANIES] = {"hofmann-stahl", "nordlicht-energie", "rheinwerk-pumpen",
        "alster-logistik", "isar-optik", "kranich-druck", "brenner-maschinen", "lindner-chemie", "weserkabel",
        "falkenstein-glas", "montreux-assurances", "garonne-textile", "lumiere-imprimerie", "armorique-peche",
        "provence-arome", "velay-bois", "thames-valley-foods", "pennine-freight", "severn-tools",
        "highland-paper", "mersey-coatings", "cotswold-seeds", "brabant-electronics", "zeeland-shipping",
        "polder-robotics", "skane-furniture", "malaren-software", "vanern-biotech", "cascade-analytics",
        "redwood-insurance", "prairie-grain", "blue-ridge-medical", "lakeshore-retail", "sierra-sensors",
        "gulf-coast-marine", "granite-state-tools", "sonora-solar", "ozark-plastics", "chesapeake-foods",
        "maple-leaf-telecom", "laurentian-mining", "fraser-timber", "bay-city-media", "silver-lake-games",
        "copper-canyon-steel", "north-star-banking", "old-mill-brewing", "red-rock-hotels",
        "river-bend-schools", "sunset-apparel", "twin-peaks-outdoor", "urban-harvest", "vista-diagnostics",
        "wild-goose-travel", "yellow-pine-homes", "zenith-fasteners", "amber-road-trading", "beacon-legal",
        "crosswind-avionics", "delta-nine-security"};
static const char *const industries[] = {
        "manufacturing", "energy", "logistics", "software", "finance", "retail", "healthcare", "media"};

/* The first companies are European, the others American. */
static const char *country_of(size_t i) {
    return i < 10       ? "DE"
           : i < 16     ? "FR"
           : i < 22     ? "GB"
           : i < 25     ? "NL"
           : i < 28     ? "SE"
           : i % 6 == 3 ? "CA"
                        : "US";
}

/* Most are small, some are large: 3 to 20,000 people, evenly over the orders of magnitude. */
static int64_t draw_size(Chance *chance) {
    static const int64_t bounds[] = {3, 20, 100, 500, 3000, 20000};
    size_t i = (size_t)chance_between(chance, 0, ARRAY_SIZE(bounds) - 1);
    return chance_between(chance, bounds[i], bounds[i + 1]);
}

static void make_companies(Chance *chance, Company *companies) {
    for (size_t i = 0; i < COMPANIES; i++)
        companies[i] = (Company){
                .name = company_names[i],
                .industry = industries[chance_between(chance, 0, ARRAY_SIZE(industries))],
                .country = country_of(i),
                .n_employees = draw_size(chance),
                .is_competitor = i % 29 == 26,
        };
}

/* ---- people ---- */

static const char *const first_names[] = {"anna", "marco", "sofia", "jonas", "emma", "lukas", "chloe",
        "david", "elena", "felix", "grace", "hugo", "irene", "jack", "karin", "liam", "maria", "noah",
        "olivia", "paul", "quinn", "rosa", "samuel", "tessa", "ulrich", "vera", "walter", "ximena", "yusuf",
        "zoe", "amir", "bella", "carlos", "dana", "erik", "fatima", "george", "hanna", "ivan", "julia"};
static const char *const last_names[] = {"keller", "rossi", "lindqvist", "weber", "dubois", "okafor", "silva",
        "novak", "tanaka", "murphy", "berg", "costa", "fischer", "haddad", "ivanova", "jensen", "kowalski",
        "laurent", "meyer", "nguyen", "ortega", "petit", "quist", "reyes", "schmidt", "torres", "ueda",
        "vogel", "walsh", "young", "zhang", "arnold", "baker", "clarke", "dietrich", "evans", "frost",
        "gruber", "hughes", "ibarra"};
static const struct {
    const char *channel, *campaign;
} channels[] = {
        {"organic", NULL},
        {"paid_search", "brand-and-category"},
        {"paid_social", "revops-leaders"},
        {"webinar", "pipeline-live"},
        {"content_syndication", "buyers-guide"},
        {"referral", NULL},
};

static bool is_taken(const Person *people, size_t n, const char *id) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(people[i].id, id) == 0)
            return true;
    return false;
}

static void set_role(Chance *chance, Person *person) {
    static const char *const buyers[] = {"c_level", "vp", "director", "manager", "owner"};
    static const char *const others[] = {"manager", "specialist", "analyst", "intern"};
    static const char *const departments[] = {"sales", "marketing", "operations", "it", "finance"};
    bool is_buyer = person->persona == PERSONA_BUYER;
    person->seniority = is_buyer ? buyers[chance_between(chance, 0, ARRAY_SIZE(buyers))]
                                 : others[chance_between(chance, 0, ARRAY_SIZE(others))];
    if (person->persona == PERSONA_STUDENT)
        person->seniority = "student";
    person->department = departments[chance_between(chance, 0, is_buyer ? 3 : ARRAY_SIZE(departments))];
}

static void set_address(Chance *chance, Person *person) {
    const char *dash = strchr(person->id, '-');
    const char *domain = person->persona == PERSONA_STAFF ? MARKET_OWN_DOMAIN : "gmail.com";
    bool is_work = person->company && !chance_of(chance, 0.05);
    snprintf(person->email, sizeof(person->email), "%.*s.%s@%s%s", (int)(dash - person->id), person->id,
            dash + 1, is_work ? person->company->name : domain, is_work ? ".example" : "");
}

static void make_person(Chance *chance, const Company *companies, Person *people, size_t i) {
    static const unsigned weights[_PERSONA_MAX] = {
            [PERSONA_BUYER] = 40,
            [PERSONA_RESEARCHER] = 25,
            [PERSONA_USER] = 15,
            [PERSONA_STUDENT] = 6,
            [PERSONA_JOB_SEEKER] = 8,
            [PERSONA_STAFF] = 6,
    };
    static const unsigned channel_weights[ARRAY_SIZE(channels)] = {30, 20, 15, 15, 12, 8};
    Person *person = &people[i];
    do
        snprintf(person->id, sizeof(person->id), "%s-%s",
                first_names[chance_between(chance, 0, ARRAY_SIZE(first_names))],
                last_names[chance_between(chance, 0, ARRAY_SIZE(last_names))]);
    while (is_taken(people, i, person->id));
    person->persona = (Persona)chance_pick(chance, weights, _PERSONA_MAX);
    if (person->persona != PERSONA_STUDENT && person->persona != PERSONA_STAFF)
        person->company = &companies[chance_between(chance, 0, COMPANIES)];
    size_t channel = chance_pick(chance, channel_weights, ARRAY_SIZE(channels));
    person->channel = channels[channel].channel;
    person->campaign = channels[channel].campaign;
    person->crm_id = 100000 + (int64_t)i;
    set_role(chance, person);
    set_address(chance, person);
}

void market_make_people(Chance *chance, Company companies[static COMPANIES], Person people[static PEOPLE]) {
    make_companies(chance, companies);
    for (size_t i = 0; i < PEOPLE; i++)
        make_person(chance, companies, people, i);
}
