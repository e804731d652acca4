/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <unistd.h>

#include "daemon/check/doctor.h"
#include "daemon/service/notify.h"

/* Five clients of Kafka with a connection to each broker, Redis, the registry, and who asks over HTTP: with some dozens of brokers. */
#define FILES_MIN 512
/* A transaction may take that long, and progress is told between two of them. */
#define WATCHDOG_MS_MIN 30000

static void check_files(Findings *findings) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    bool is_enough = limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= FILES_MIN;
    findings_add(findings, is_enough ? FINDING_OK : FINDING_WARNING, "file limit", "this process may have %" PRIu64 " files and sockets open",
            (uint64_t)limit.rlim_cur);
    if (is_enough)
        return;
    findings_expected(findings, "%d: each client of Kafka has a connection to each broker", FILES_MIN);
    findings_remedy(findings, "raise it: LimitNOFILE= in the unit, or ulimit -n");
}

/* There is none to run out of: said, for it is looked for. */
static void check_disk(Findings *findings) {
    findings_add(findings, FINDING_OK, "disk", "scored keeps nothing on this machine's disks; its state is in Kafka's changelog and in Redis");
}

static void check_watchdog(const Notify *notify, Findings *findings) {
    int64_t watchdog_ms = 2 * notify->watchdog_interval_ms; /* told twice in its time */
    bool is_long = watchdog_ms == 0 || watchdog_ms >= WATCHDOG_MS_MIN;
    if (watchdog_ms == 0)
        findings_add(findings, FINDING_NOTE, "service manager", "it is told when scored is ready; it has no watchdog (WatchdogSec=)");
    else
        findings_add(findings, is_long ? FINDING_OK : FINDING_WARNING, "service manager",
                "it is told when scored is ready, and ends it after %" PRId64 " s without progress", watchdog_ms / 1000);
    if (is_long)
        return;
    findings_expected(findings, "%d s at least: a transaction may take some of them while a broker is away", WATCHDOG_MS_MIN / 1000);
    findings_remedy(findings, "raise WatchdogSec= in the unit");
}

static void check_service(Findings *findings) {
    Notify notify;
    int r = notify_init(&notify);
    if (r < 0) {
        findings_add(findings, FINDING_ERROR, "service manager", "NOTIFY_SOCKET or WATCHDOG_USEC cannot be used: %s", strerror(-r));
        findings_expected(findings, "what systemd sets for a service of Type=notify");
        findings_remedy(findings, "set neither by hand");
    } else if (notify.fd >= 0) {
        check_watchdog(&notify, findings);
    } else if (getenv("INVOCATION_ID") && getppid() == 1) {
        findings_add(findings, FINDING_WARNING, "service manager", "a unit of systemd runs this, and is not told when scored is ready");
        findings_expected(findings, "NOTIFY_SOCKET");
        findings_remedy(findings, "set Type=notify in the unit");
    } else {
        findings_add(findings, FINDING_NOTE, "service manager", "none runs this command, so nothing can be told of it");
    }
    notify_deinit(&notify);
}

static void check_synchronized(Findings *findings) {
    struct timex timex = {0};
    int state = adjtimex(&timex);
    if (state < 0)
        return;
    if (state != TIME_ERROR && !(timex.status & STA_UNSYNC)) {
        findings_add(findings, FINDING_OK, "clock", "the kernel takes it for synchronized");
        return;
    }
    findings_add(findings, FINDING_NOTE, "clock", "the kernel does not know it to be synchronized");
    findings_expected(findings, "a machine, or its host, that follows NTP");
    findings_remedy(findings, "see timedatectl, or chronyc tracking; within a container it may be the host's affair");
}

void doctor_machine(Findings *findings) {
    check_files(findings);
    check_disk(findings);
    check_service(findings);
    check_synchronized(findings);
}
