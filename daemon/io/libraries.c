/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/libraries.h"

#include <curl/curl.h>
#include <hiredis/hiredis.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <yaml.h>

static void add(Library *libraries, size_t *n, const char *name, const char *version) {
    assert(*n < LIBRARIES_MAX);
    libraries[*n].name = name;
    (void)snprintf(libraries[(*n)++].version, sizeof(libraries->version), "%s", version);
}

size_t libraries_list(Library ret[static LIBRARIES_MAX]) {
    char hiredis[32];
    size_t n = 0;
    (void)snprintf(hiredis, sizeof(hiredis), "%d.%d.%d", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    add(ret, &n, "librdkafka", rd_kafka_version_str());
    add(ret, &n, "avro-c", SCORED_AVRO_VERSION);
    add(ret, &n, "hiredis", hiredis);
    add(ret, &n, "libcurl", curl_version_info(CURLVERSION_NOW)->version);
    add(ret, &n, "libmicrohttpd", MHD_get_version());
    add(ret, &n, "openssl", OpenSSL_version(OPENSSL_VERSION_STRING));
    add(ret, &n, "jansson", JANSSON_VERSION);
    add(ret, &n, "libyaml", yaml_get_version_string());
    return n;
}

void libraries_kafka_features(char *ret, size_t size) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_get(conf, "builtin.features", ret, &size) != RD_KAFKA_CONF_OK)
        ret[0] = '\0';
    rd_kafka_conf_destroy(conf);
}
