/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/command/own_schemas.h"

#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/base/random.h"
#include "daemon/io/net/backoff.h"
#include "daemon/io/registry/registry_fetch.h"
#include "daemon/log/log.h"

#define BACKOFF_LEAST_MS 100
#define BACKOFF_MOST_MS 10000
/* How soon it is noticed that it is to stop. */
#define SLEEP_MS 50

void own_schema_subject(const Config *config, OutputType type, char subject[static SUBJECT_SIZE]) {
    static_assert(SUBJECT_SIZE > 249 + sizeof("-value") - 1, "a topic's name has at most 249 bytes");
    (void)snprintf(subject, SUBJECT_SIZE, "%s-value", config->output_topics[type]);
}

static int out_of_memory(const Command *command, int r) {
    command_error(command, "%s", strerror(-r));
    return EX_OSERR;
}

static int not_there(const Command *command, const Config *config, OutputType type, const char *subject, const char *remedy) {
    command_error(command, "%s/%s.avsc: the registry does not have it under the subject %s: %s", config->output_schema_dir,
            output_type_name(type), subject, remedy);
    return EX_CONFIG;
}

/* --- looking up -------------------------------------------------------------------------------------- */

int own_schemas_look_up(const Command *command, const Config *config, RegistryClient *client, const RegistryOutput *outputs,
        uint32_t ret[static _OUTPUT_TYPE_MAX]) {
    for (int i = 0; i < _OUTPUT_TYPE_MAX; i++) {
        char subject[SUBJECT_SIZE], text[REGISTRY_TEXT_SIZE] = "it was told to stop";
        own_schema_subject(config, (OutputType)i, subject);
        int r = registry_fetch_id(client, subject, outputs[i].schema, &ret[i], text);
        if (r < 0)
            return out_of_memory(command, r);
        if (r == REGISTRY_FETCH_E_ABSENT)
            return not_there(command, config, (OutputType)i, subject, "`scored run` of this version has not registered it");
        if (r != 0)
            return command_error(command, "the Schema Registry: %s", text), r == REGISTRY_FETCH_E_REFUSED ? EX_CONFIG : EX_UNAVAILABLE;
    }
    return EXIT_SUCCESS;
}

/* --- registering ------------------------------------------------------------------------------------- */

/* 0, REGISTRY_CLIENT_E_*, REGISTRY_FETCH_E_REFUSED, or REGISTRY_FETCH_E_ABSENT if it may not be registered. */
static int settle(const Config *config, RegistryClient *client, const RegistryOutput *output, const char *subject, uint32_t *ret, char *text) {
    int r = registry_fetch_id(client, subject, output->schema, ret, text);
    if (r == 0)
        log_info("schema.found", LOG_STR("subject", subject), LOG_INT("id", *ret));
    if (r != REGISTRY_FETCH_E_ABSENT || !config->registry_register)
        return r;
    r = registry_fetch_check(client, subject, output->schema, text);
    if (r == 0)
        r = registry_fetch_register(client, subject, output->schema, ret, text);
    if (r == 0)
        log_info("schema.registered", LOG_STR("subject", subject), LOG_INT("id", *ret));
    return r;
}

static void wait_for_registry(RegistryClient *client, Backoff *backoff, const char *text) {
    uint32_t lot = 0; /* the shortest wait, if there are none */
    (void)!random_bytes(&lot, sizeof(lot));
    log_warning_burst(1, "registry.away", LOG_STR("error", text),
            LOG_STR("remedy", "scored starts when it has told the ids of our own schemas"));
    int64_t until_ms = clock_monotonic_ms() + backoff_next(backoff, lot);
    while (clock_monotonic_ms() < until_ms && !registry_client_is_stopped(client))
        clock_sleep_ms(SLEEP_MS);
}

int own_schemas_settle(const Command *command, const Config *config, RegistryClient *client, const RegistryOutput *outputs,
        uint32_t ret[static _OUTPUT_TYPE_MAX]) {
    Backoff backoff = {.least_ms = BACKOFF_LEAST_MS, .most_ms = BACKOFF_MOST_MS};
    for (int i = 0; i < _OUTPUT_TYPE_MAX;) {
        char subject[SUBJECT_SIZE], text[REGISTRY_TEXT_SIZE] = "";
        own_schema_subject(config, (OutputType)i, subject);
        int r = settle(config, client, &outputs[i], subject, &ret[i], text);
        if (r < 0)
            return out_of_memory(command, r);
        if (r == REGISTRY_CLIENT_E_STOPPED)
            return EX_TEMPFAIL;
        if (r == REGISTRY_FETCH_E_ABSENT)
            return not_there(command, config, (OutputType)i, subject, "register it, or set registry.register to true");
        if (r == REGISTRY_FETCH_E_REFUSED) {
            command_error(command, "%s/%s.avsc: the registry does not take it under the subject %s: %s", config->output_schema_dir,
                    output_type_name((OutputType)i), subject, text);
            return EX_CONFIG;
        }
        if (r == REGISTRY_CLIENT_E_AWAY) {
            wait_for_registry(client, &backoff, text);
            continue;
        }
        backoff_reset(&backoff);
        i++;
    }
    return EXIT_SUCCESS;
}

/* --- checking ---------------------------------------------------------------------------------------- */

static void find_away(const char *text, Findings *findings) {
    findings_add(findings, FINDING_ERROR, "Schema Registry", "it does not answer: %s", text);
    findings_remedy(findings, "start it, or correct registry.urls; with TLS or a login, the other keys of `registry`");
}

static void find_refused(const char *subject_of_finding, const char *subject, const char *text, Findings *findings) {
    findings_add(findings, FINDING_ERROR, subject_of_finding, "the registry does not take it under the subject %s: %s", subject, text);
    findings_remedy(findings, "see which version stands there, and whose; lower the subject's compatibility only if its readers can bear it");
}

static void find_absent(const Config *config, const char *subject_of_finding, const char *subject, Findings *findings) {
    if (config->registry_register) {
        findings_add(findings, FINDING_NOTE, subject_of_finding, "it is not under the subject %s yet: `scored run` registers it", subject);
        return;
    }
    findings_add(findings, FINDING_ERROR, subject_of_finding, "the registry does not have it under the subject %s", subject);
    findings_remedy(findings, "register it, or set registry.register to true");
}

/* *ret: is it there? 0; 1: the registry is away, there is no use in asking on; or negative errno. */
static int check_schema(const Config *config, RegistryClient *client, OutputType type, Str schema, Findings *findings, bool *ret) {
    char subject[SUBJECT_SIZE], subject_of_finding[64], text[REGISTRY_TEXT_SIZE] = "";
    uint32_t id;
    own_schema_subject(config, type, subject);
    (void)snprintf(subject_of_finding, sizeof(subject_of_finding), "schema %s", output_type_name(type));
    int r = registry_fetch_id(client, subject, schema, &id, text);
    *ret = r == 0;
    if (r == REGISTRY_FETCH_E_ABSENT) {
        r = registry_fetch_check(client, subject, schema, text);
        if (r == 0)
            find_absent(config, subject_of_finding, subject, findings);
    }
    if (r == REGISTRY_FETCH_E_REFUSED)
        find_refused(subject_of_finding, subject, text, findings);
    if (r == REGISTRY_CLIENT_E_AWAY)
        find_away(text, findings);
    return r < 0 ? r : r == REGISTRY_CLIENT_E_AWAY;
}

int own_schemas_check(const Config *config, const RegistryOutput *outputs, Findings *findings) {
    _cleanup_(registry_client_free) RegistryClient *client = NULL;
    int n_found = 0;
    if (config->n_registry_urls == 0)
        return 0;
    int r = registry_client_new(config, NULL, &client);
    for (int i = 0; i < _OUTPUT_TYPE_MAX && r == 0; i++) {
        bool found;
        r = check_schema(config, client, (OutputType)i, outputs[i].schema, findings, &found);
        n_found += r == 0 && found;
    }
    if (r == 0)
        findings_add(findings, FINDING_OK, "Schema Registry", "it answers, and has %d of our own %d schemas", n_found, (int)_OUTPUT_TYPE_MAX);
    return MIN(r, 0);
}
