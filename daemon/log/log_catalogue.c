/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An id is drawn once (`journalctl --new-id128`) and stays with its event; an event that means something else gets another name. Texts
 * are whole sentences for who is called at night, and name commands and keys that there are.
 */
#include "daemon/log/log_catalogue.h"

#define OPERATOR true
#define LOOK false

/* clang-format off */
const LogMeaning log_catalogue[] = {
    {"shard.halted", "2ff5d35c7a1e4750ad81026871e7aebf", OPERATOR,
        "A shard has stopped and waits for an operator",
        "What the shard's changelog, the group's offsets, Redis or the model say does not go together; the line's "
            "reason says what. The other shards go on, and this one is tried again every 10 seconds.",
        "The line's remedy says what to do. Nothing of the shard is lost meanwhile: its events wait in Kafka, and "
            "its verdicts will be late, not false."},
    {"shard.offset_reset", "7585b03c047c4ede8cf7e7b696bdfc0f", OPERATOR,
        "Somebody has moved the group's offsets",
        "The committed offset of an input is not where the shard's last batch left it, as after "
            "kafka-consumer-groups --reset-offsets. Going back would count events twice, going ahead would lose some.",
        "Move it back by the command in the remedy of shard.halted. To leave out records that cannot be read, "
            "stop all instances and use scored skip."},
    {"shard.skipped", "ccc66ab8cda04e198cd86e34610ba922", LOOK,
        "Records are left out, as an operator has said",
        "scored skip has moved a shard past records; the shard has begun behind them.",
        "None, if it was meant. What these records would have brought is missing in scores, stages and clocks."},
    {"shard.start", "4bdbebd083a547e3ab663338d5606470", LOOK,
        "A shard could not begin to read its inputs",
        "librdkafka refused to start at the shard's offsets.",
        "It connects anew by itself. If it goes on, see the error, and what the brokers say."},
    {"shards.grown", "cb2a72f641d54b7c815dd12b532565de", OPERATOR,
        "A source topic has more partitions than the state was made for",
        "Somebody has added partitions to a source. Leads would move between shards, so scored does not go on.",
        "Make a topic of the old number of partitions and let the producers write there; or name the source under "
            "route; or start over with another topics.prefix and redis.prefix."},
    {"source.truncated", "420b7294705443798de3912babe0ccb2", OPERATOR,
        "Records were deleted before they were read",
        "The topic's retention is shorter than the time for which scored was away or behind; or somebody deleted "
            "records.",
        "Lengthen the topic's retention. To go on without what is lost, stop all instances, then: scored skip "
            "--topic T --partition N --to first."},
    {"source.unreadable", "e37885e91ff0443aaf05498ca5168eb2", LOOK,
        "A partition waits for the schema of its next record",
        "The Schema Registry has not answered for the schema's id yet. What stands behind that record waits, too.",
        "See registry.away. If the registry has lost the schema for good, scored skip passes the records."},
    {"source.hold", "8b4874ce480d4a84a3f0e56513ba509e", LOOK,
        "A source could not be held back",
        "librdkafka refused to pause or to resume a partition.",
        "It connects anew by itself. If it goes on, see the error."},
    {"order.given_up", "9c33a7c063b843bfaf27df486256a2b8", LOOK,
        "Events went on without those of another source",
        "A source did not say within batch.order_wait what it has before them. A touch that overtakes the start "
            "of its clock is none.",
        "See whether the brokers of that topic's partition answer. Where sources are often late, raise "
            "batch.order_wait."},
    {"message.unreadable", "e3c7247592734c38bcc72acfc77a9c62", OPERATOR,
        "A message of another shard cannot be read",
        "It was written by a newer program, or goes by a model version that this instance does not have; or it is "
            "damaged.",
        "Bring the newer program or model to this instance, too. A damaged one is passed by scored skip on the "
            "internal topic."},
    {"record.unreadable", "516667e9a62f42a396156eafe04f823d", OPERATOR,
        "A lead's or an account's record in Redis cannot be read",
        "It was written by a newer program, or by one with another model; or something else writes to these keys.",
        "Run the newer program here, too. If it is damaged, delete the shard's keys in Redis: they are rebuilt "
            "from the changelog."},
    {"record.too_large", "a6a8d2df38e546d891ccb1564fd8a510", OPERATOR,
        "A record is larger than what Kafka takes; the process ends",
        "A lead or an account has more than 900 KiB, which the limits of its parts should keep it from.",
        "Keep the lines and report it. To go on without the event that makes it so large, stop all instances and use "
            "scored skip."},
    {"message.too_large", "9371d17fe10b404da8767355be49ae36", OPERATOR,
        "A message to another shard is larger than what Kafka takes; the process ends",
        "What is known of a lead that is merged has more than 900 KiB, which the limits of its parts should keep "
            "it from.",
        "Keep the lines and report it. To go on without the record that leads to it, use scored skip."},
    {"model.too_large", "aea2c99f2ca34c30b068c2462661929c", OPERATOR,
        "The names of a model are larger than what Kafka takes; the process ends",
        "The ids of the model's parts take more than 512 KiB together, which the limits of a model should keep "
            "them from.",
        "Shorten the ids, and report it."},
    {"output.unencodable", "ef6040acb7c545bb973e9748e06e140d", OPERATOR,
        "An output could not be encoded by its schema",
        "A schema in schemas.directory is not the one that this version comes with; or a dead letter is too large "
            "for Kafka, and is left out.",
        "Install the schemas that belong to this version. A dead letter that is left out stands in its source all "
            "the same, until that topic's retention ends."},
    {"produce.failed", "8158807afacc4dfabfd7340bedee61c7", LOOK,
        "A record could not be handed to librdkafka",
        "Its queue is full for too long, a topic is gone, or the record is larger than message.max.bytes.",
        "It connects anew and does the batch again. If it goes on: see that the topic exists, and that the topic, "
            "the brokers and kafka.properties take messages of 1 MB."},
    {"transaction.begin", "e47d3288f7e2493aa4e510029e222929", LOOK,
        "A transaction could not be begun",
        "The producer was fenced by another instance of the same name, or lost its brokers.",
        "It connects anew by itself. If it goes on, see that no two instances have the same kafka.group and "
            "instance."},
    {"transaction.failed", "00641cfd016d40a789ad9dacbaaa5c94", LOOK,
        "A transaction was not committed",
        "The brokers did not answer in time, or the group has given the shard to another instance. All of the "
            "batch is done again; nothing is lost or told twice.",
        "None, if it is rare. Often: see that brokers answer within seconds, that clocks are in step, and that "
            "the instance is not starved of CPU."},
    {"transaction.abort", "9f9cba7062f44405b153dae69a3d894b", LOOK,
        "A transaction could not be aborted",
        "The brokers did not answer. They end it by themselves after its time-out.",
        "None; readers wait until then for what stands behind it."},
    {"pipeline.restart", "7b3094a5096f4879a55bb77545e529a4", LOOK,
        "All clients are connected anew",
        "Something failed after which the state of a transaction or of the group is not known; the lines before "
            "say what.",
        "None, if it is rare. Often: see what comes before it."},
    {"pipeline.paused", "b1ace94960474fde91832d0ceb3a16da", LOOK,
        "Reading has stopped until Redis answers",
        "As many batches as view.max_pending allows wait for Redis, or leads are needed that are not in memory.",
        "Bring Redis back. Events wait in Kafka; verdicts will be late, not false."},
    {"kafka.error", "d6820b2775cc40438af53724d987eb8f", LOOK,
        "The consumer reports an error that passes",
        "A broker is away, or a partition has no leader just now.",
        "See that the brokers are up and reach each other, and that all partitions have leaders."},
    {"kafka.failed", "e4dc217cde8f4ee49c60ab14db265f40", LOOK,
        "The consumer cannot go on; it connects anew",
        "The consumer was fenced, or met an error from which it does not recover.",
        "None, if it is rare. If it goes on, see the error, and whether another consumer has the same "
            "kafka.group."},
    {"kafka.client", "b184eacecdd34255ae60688028208298", LOOK,
        "A line of librdkafka's own",
        "As a rule a broker that went away or does not answer; librdkafka tries again by itself.",
        "See the text. Harmless, unless errors of scored's own follow."},
    {"kafka.login", "01b4b74f2f304d18a79b3c1e107474d8", OPERATOR,
        "The brokers refuse the login",
        "User, password, token or certificate are not what the brokers know.",
        "Correct sasl.mechanism, sasl.username and the file of the secret, or the certificate; scored topics "
            "--acls tells which rights it needs besides."},
    {"kafka.unavailable", "65f45280bc04405ea65c2732e0fc2714", LOOK,
        "The brokers cannot be reached",
        "No broker of kafka.bootstrap_servers answers, or not in time; or a property of kafka.properties is "
            "refused.",
        "See that the brokers run, and that name, port, TLS and login are right: scored check --live. It goes on "
            "by itself when they answer."},
    {"topics.forbidden", "d6d46c1af2374ab3886209767fc6f261", OPERATOR,
        "A right is missing at the brokers",
        "The user may not do what scored has to do with the topic.",
        "Grant what scored topics --acls prints; it goes on by itself then."},
    {"topics.unanswered", "943533a779394fd0b9edbdd5b4cf293e", LOOK,
        "The brokers do not tell of a topic",
        "They are away, or have no controller just now.",
        "See that the brokers are up. It goes on by itself when they answer."},
    {"topics.refused", "887aa731b67c4b8d986136d1b7605e83", OPERATOR,
        "With these topics scored must not run; the process ends with status 78",
        "A source is missing, numbers of partitions differ, or a topic of scored's own has the wrong clean-up "
            "policy; the line's reason says which.",
        "The line's remedy says what to do; scored check --live tells all at once."},
    {"takeover.waiting", "edea15b2a0eb4c0991985af16e5f9055", LOOK,
        "Taking a shard over waits for a server",
        "Kafka or Redis does not answer, or the instance that had the shard has not ended its transaction yet.",
        "None for some seconds after an instance was killed. If it goes on, see that the server named in it "
            "answers."},
    {"proof.unanswered", "f92e712a7e934a739687a0a94d18d27c", LOOK,
        "The brokers do not tell how far a source reaches",
        "Before a deadline is judged, the brokers are asked whether all that came in before it has been read; "
            "they do not answer.",
        "See that the brokers are up. Deadlines are late meanwhile, not false."},
    {"redis.unavailable", "96350bb96eba474099e998214b7431af", LOOK,
        "Redis cannot be reached",
        "It is down, is loading its data, or the network to it is.",
        "Bring it back: it goes on by itself. Its data may be lost, for it is rebuilt from the changelog."},
    {"redis.unusable", "ac5e3d1a54994c45a549d1ef9c5159a9", OPERATOR,
        "Redis cannot be used as it is",
        "It refuses the login or a command, may evict keys, or does not answer at all.",
        "See the error: set maxmemory-policy noeviction, give the user the rights that the README names, correct "
            "redis.address and the password's file."},
    {"redis.no_readers", "e8aa6807d696484297ca5e89164cf0e9", LOOK,
        "Redis has no reader functions of this instance's",
        "It is older than 7, or the user may not call FUNCTION LOAD, or another program holds the library's name. "
            "Scoring does not need them. With redis.hashes false there is nothing else for other programs to read.",
        "If other programs are to ask by FCALL_RO, give the user the rights +function|load and +fcall_ro, or use "
            "another redis.prefix; then restart."},
    {"board.nowhere", "6dd35cee0c494917a057d63a7aa6acfe", LOOK,
        "The board is wanted, and served nowhere",
        "http.board is true, but there is neither http.listen nor a socket from systemd.",
        "Set http.listen, or enable scored-http.socket."},
    {"view.away", "c4120c45767a4068a8630087d3c1c953", LOOK,
        "A shard waits for Redis",
        "Redis does not answer. Rounds go on as long as leads are in memory, then reading stops.",
        "Bring Redis back; it goes on by itself."},
    {"view.behind", "f840ff3a2a7343ad9f7568167a1cd442", LOOK,
        "Redis has lost batches",
        "It was restarted with older data, or a replica took over that was behind. The shard is brought up from "
            "the changelog.",
        "None. If it is often, let Redis keep more on its disk (appendonly) or on its replicas."},
    {"view.foreign", "a21eba8d102d42bfbb57fa461d0d0dd2", OPERATOR,
        "Redis holds what this changelog does not know",
        "The keys are of another cluster, or of a changelog that has lost its end.",
        "See that redis.prefix and topics.prefix belong together. If Kafka has lost data, restore it; or delete "
            "the shard's keys in Redis to accept its state."},
    {"view.rebuild", "ab6c33abe56d46338699968669ae535b", LOOK,
        "A shard's keys in Redis are made anew from the changelog",
        "They were empty, torn, or older than the changelog keeps erasures; why says which.",
        "None. Readers of Redis see fewer leads of that shard until it is done."},
    {"model.not_newer", "e26acf4c9f00492cb5e95caff58cb4ee", OPERATOR,
        "A changed model has no higher version and is not taken",
        "The file has changed, but its version has not risen.",
        "Raise version with each change; also to take a change back."},
    {"model.refused", "c0e80505a8cd44a696a601845a512ca4", OPERATOR,
        "A model with errors is not taken",
        "The file cannot be read, or has errors; they stand before this line.",
        "Correct it; scored check --model FILE tells all errors. The present model stays."},
    {"model.walk_waits", "c47577b4f64f483fb8c580ea4e6a4bfd", LOOK,
        "Bringing a new model version to the records waits for the changelog",
        "The brokers do not answer.",
        "See that they are up. It goes on by itself."},
    {"event.dead_letter", "4b75f539a406440c8bc05ddbb38cb243", LOOK,
        "A record could not be used and is a dead letter",
        "It is no valid event, or stands where it does not belong; the reason says which. The original is in the "
            "topic of dead letters.",
        "scored dlq list and scored dlq show tell of each; mend the producer, the schema or route, then: scored "
            "dlq requeue."},
    {"schema.absent", "5de869095ec04d189b0057baa25be9a9", LOOK,
        "The registry does not know a schema; events with it are dead letters",
        "The id in the messages is not of this registry, or the schema was deleted.",
        "Register it again or correct the producer, then: scored dlq requeue --reason unknown_schema."},
    {"schema.unusable", "4021ca90af08420bbf6dd0735ef1c33a", LOOK,
        "By a schema no events can be read; events with it are dead letters",
        "It lacks a field that an event must have, has one of another type, or breaks a limit.",
        "Correct the producer's schema, then: scored dlq requeue --reason schema."},
    {"registry.away", "7e8eba255acd405f91f27a174c27659d", LOOK,
        "The Schema Registry does not answer",
        "All of registry.urls are down, too slow, or refuse the login.",
        "Bring it back, or correct the keys of registry. Events with schemas that are known go on. Do not restart "
            "all instances meanwhile."},
    {"http.failed", "5fdf8ffd4ba24f3597ca5179dfe2be0b", OPERATOR,
        "Metrics and health cannot be served; the process ends with status 71",
        "The address of http.listen is taken, is not this machine's, or may not be used; or the socket that "
            "systemd passed cannot be.",
        "Correct http.listen, or end who has the address."},
    {"notify", "b468704a203342f3a4deb023887fb877", OPERATOR,
        "systemd cannot be told of readiness; the process ends with status 71",
        "NOTIFY_SOCKET names a socket that cannot be used.",
        "See the unit: Type=notify, NotifyAccess=main."},
    {"failed", "c332d57c990f4054bb16beb24397ae73", OPERATOR,
        "The process ends after an error",
        "It met what it cannot go on with; the lines before say what. systemd starts it again, and nothing is "
            "lost.",
        "See the lines before. If it comes again and again, keep them and report it."},
    {"log.left_out", "4e784ffd172f43429c1a91bbe0a1b241", LOOK,
        "Lines were left out since there were too many",
        "One place in the program had more to say than the log takes in 10 seconds; of and count say what, and "
            "how often.",
        "See the lines of that event that were written."},
};
/* clang-format on */
const size_t log_catalogue_n = ARRAY_SIZE(log_catalogue);

const LogMeaning *log_catalogue_find(const char *event) {
    for (size_t i = 0; i < log_catalogue_n; i++)
        if (strcmp(log_catalogue[i].event, event) == 0)
            return &log_catalogue[i];
    return NULL;
}
