/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Step by step, as Kafka's client goes, which itself tells only that it did not arrive: the name, a connection, and where
 * security.protocol says so, TLS.
 */
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/check/doctor.h"
#include "daemon/io/net/net_probe.h"
#include "daemon/io/net/tls_probe.h"
#include "lib/calendar/timestamp.h"

#define PROBE_TIMEOUT_MS 3000
#define HOST_SIZE 256
/* To notice, and to have another one made. */
#define EXPIRES_SOON_MS (INT64_C(14) * 86400 * 1000)

typedef struct Endpoint {
    const Config *config;
    Findings *findings;
    char host[HOST_SIZE], port[8];
    char subject[HOST_SIZE + 32];
} Endpoint;

/* Later ones count, as librdkafka has it. NULL: not there. */
static const char *property(const Config *config, const char *name) {
    const char *value = NULL;
    for (size_t i = 0; i < config->n_kafka_properties; i++)
        if (strcmp(config->kafka_properties[i].name, name) == 0)
            value = config->kafka_properties[i].value;
    return value;
}

static bool property_is(const Config *config, const char *name, const char *value) {
    const char *is = property(config, name);
    return is && strcasecmp(is, value) == 0;
}

static bool uses_tls(const Config *config) {
    return property_is(config, "security.protocol", "ssl") || property_is(config, "security.protocol", "sasl_ssl");
}

/* [PROTOCOL://]host:port or [address]:port; without a port it is Kafka's own. false: an empty one. */
static bool parse_server(Str text, Endpoint *endpoint) {
    const char *scheme = memmem(text.data, text.len, "://", 3);
    if (scheme)
        text = (Str){scheme + 3, text.len - (size_t)(scheme + 3 - text.data)};
    const char *colon = memrchr(text.data, ':', text.len), *bracket = memrchr(text.data, ']', text.len);
    if (colon && bracket && colon < bracket)
        colon = NULL;
    size_t host_len = colon ? (size_t)(colon - text.data) : text.len;
    Str host = {text.data, host_len};
    if (host_len > 2 && host.data[0] == '[' && host.data[host_len - 1] == ']')
        host = (Str){host.data + 1, host_len - 2};
    (void)snprintf(endpoint->host, sizeof(endpoint->host), "%.*s", STR_FMT(host));
    (void)snprintf(endpoint->port, sizeof(endpoint->port), "%.*s", colon ? (int)(text.len - host_len - 1) : 4, colon ? colon + 1 : "9092");
    (void)snprintf(endpoint->subject, sizeof(endpoint->subject), "broker %s:%s", endpoint->host, endpoint->port);
    return host.len > 0;
}

/* --- certificates ------------------------------------------------------------------------------------ */

static void find_dates(const Endpoint *e, const TlsReport *tls) {
    int64_t now_ms = clock_wall_ms();
    char from[TIMESTAMP_TEXT_SIZE], to[TIMESTAMP_TEXT_SIZE];
    (void)timestamp_print(tls->not_before_ms, from);
    (void)timestamp_print(tls->not_after_ms, to);
    if (now_ms > tls->not_after_ms) {
        findings_add(e->findings, FINDING_ERROR, e->subject, "its certificate is expired: it was valid until %s", to);
        findings_expected(e->findings, "a certificate that is valid now");
        findings_remedy(e->findings, "renew the broker's certificate");
    } else if (now_ms < tls->not_before_ms) {
        findings_add(e->findings, FINDING_ERROR, e->subject, "its certificate is not valid before %s", from);
        findings_expected(e->findings, "a certificate that is valid now");
        findings_remedy(e->findings, "is this machine's clock right?");
    } else if (tls->not_after_ms - now_ms < EXPIRES_SOON_MS) {
        findings_add(e->findings, FINDING_WARNING, e->subject, "its certificate expires soon, at %s", to);
        findings_expected(e->findings, "two weeks at least");
        findings_remedy(e->findings, "renew the broker's certificate");
    }
}

static void find_trust(const Endpoint *e, const TlsReport *tls, FindingSeverity severity) {
    const char *ca = property(e->config, "ssl.ca.location");
    if (tls->chain_error[0]) {
        findings_add(e->findings, severity, e->subject, "nobody that is trusted vouches for its certificate, which %s has made: %s", tls->issuer,
                tls->chain_error);
        findings_expected(e->findings, "a chain to one of the authorities in %s", ca ? ca : "the system's store");
        findings_remedy(e->findings, "let ssl.ca.location name the authority's certificate; the broker has to send those in between");
    }
    if (!tls->is_for_host && !property_is(e->config, "ssl.endpoint.identification.algorithm", "none")) {
        findings_add(e->findings, severity, e->subject, "its certificate is for %s", tls->names[0] ? tls->names : tls->subject);
        findings_expected(e->findings, "one for %s", e->host);
        findings_remedy(e->findings, "let kafka.bootstrap_servers have a name that it is for, or have it made anew with this one");
    }
}

static void find_own(const Endpoint *e, const TlsReport *tls) {
    if (tls->own_error[0]) {
        findings_add(e->findings, FINDING_ERROR, "TLS files", "%s", tls->own_error);
        findings_expected(e->findings, "certificates and a key in PEM that belong together");
        findings_remedy(e->findings, "correct ssl.ca.location, ssl.certificate.location, ssl.key.location or ssl.key.password");
    }
    if (tls->wants_certificate && !property(e->config, "ssl.keystore.location") && !property(e->config, "ssl.certificate.pem")) {
        findings_add(e->findings, FINDING_NOTE, e->subject, "it asks for a certificate of ours, and none is configured");
        findings_remedy(e->findings, "if it insists, set ssl.certificate.location and ssl.key.location");
    }
}

static void find_no_tls(const Endpoint *e, const TlsReport *tls) {
    findings_add(e->findings, FINDING_ERROR, e->subject, "%s: %s", tls->is_no_tls ? "what answers there does not speak TLS" : "TLS fails", tls->error);
    findings_expected(e->findings, "TLS, which security.protocol asks for");
    if (tls->is_no_tls)
        findings_remedy(e->findings, "correct the port, or set security.protocol to %s",
                property_is(e->config, "security.protocol", "ssl") ? "plaintext" : "sasl_plaintext");
    else
        findings_remedy(e->findings, "see the broker's log, and its ssl.* settings");
}

static void find_tls(const Endpoint *e, const TlsReport *tls) {
    bool verifies = !property_is(e->config, "enable.ssl.certificate.verification", "false");
    char to[TIMESTAMP_TEXT_SIZE];
    size_t n_before = e->findings->n;
    if (tls->subject[0] || tls->names[0]) {
        find_dates(e, tls);
        find_trust(e, tls, verifies ? FINDING_ERROR : FINDING_NOTE);
    }
    find_own(e, tls);
    if (tls->error[0] && e->findings->n == n_before)
        find_no_tls(e, tls);
    if (e->findings->n > n_before)
        return;
    (void)timestamp_print(tls->not_after_ms, to);
    findings_add(e->findings, FINDING_OK, e->subject, "%s with a certificate for %s, valid until %s", tls->protocol,
            tls->names[0] ? tls->names : tls->subject, to);
}

static int check_tls(const Endpoint *e, int fd) {
    const TlsProbe probe = {
            .fd = fd,
            .host = e->host,
            .ca_file = property(e->config, "ssl.ca.location"),
            .certificate_file = property(e->config, "ssl.certificate.location"),
            .key_file = property(e->config, "ssl.key.location"),
            .key_password = property(e->config, "ssl.key.password"),
    };
    TlsReport report;
    int r = tls_probe(&probe, &report);
    if (r == 0)
        find_tls(e, &report);
    return r;
}

/* --- names and addresses ----------------------------------------------------------------------------- */

static void find_unreachable(const Endpoint *e, int r, const char *addresses, const char *text) {
    if (r == PROBE_E_NAME) {
        findings_add(e->findings, FINDING_ERROR, e->subject, "the name %s has no address: %s", e->host, text);
        findings_expected(e->findings, "a name that DNS or /etc/hosts knows");
        findings_remedy(e->findings, "correct kafka.bootstrap_servers, or this machine's resolver (/etc/resolv.conf)");
        return;
    }
    findings_add(e->findings, FINDING_ERROR, e->subject, "nobody takes connections at %s, port %s: %s", addresses, e->port, text);
    findings_expected(e->findings, "a broker that listens there");
    findings_remedy(e->findings, "start it, correct kafka.bootstrap_servers, or open the way to it in firewalls");
}

static int check_endpoint(const Endpoint *e) {
    char addresses[PROBE_TEXT_SIZE], text[PROBE_TEXT_SIZE];
    int fd;
    int r = net_probe(e->host, e->port, PROBE_TIMEOUT_MS, addresses, text, &fd);
    if (r > 0) {
        find_unreachable(e, r, addresses, text);
        return 0;
    }
    findings_add(e->findings, FINDING_OK, e->subject, "it takes connections at %s", addresses);
    if (uses_tls(e->config))
        r = check_tls(e, fd);
    (void)close(fd);
    return r;
}

int doctor_endpoints(const Config *config, Findings *findings, bool *ret) {
    *ret = config->embedded;
    for (const char *rest = config->bootstrap_servers; !config->embedded && *rest;) {
        Str text = {rest, strcspn(rest, ",")};
        Endpoint endpoint = {.config = config, .findings = findings};
        size_t n_errors = findings->counts[FINDING_ERROR];
        rest += text.len + (rest[text.len] == ',');
        while (text.len && text.data[0] == ' ')
            text = (Str){text.data + 1, text.len - 1};
        if (!parse_server(text, &endpoint))
            continue;
        int r = check_endpoint(&endpoint);
        if (r < 0)
            return r;
        *ret |= findings->counts[FINDING_ERROR] == n_errors;
    }
    return 0;
}
