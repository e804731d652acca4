// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import java.util.Arrays;
import org.apache.avro.util.Utf8;

/** The latest awards that were given, packed, oldest first: what reasons are made of. */
final class Awards {
    /** How many are kept. */
    static final int MAX = 32;
    /** In place of an id's length: the id is a UUID of 16 bytes. */
    private static final int UUID = 0xff;
    private static final int HEAD = 1 + 1 + 8 + 8 + 1;
    private static final int ID_MAX = 64;

    int n;
    final byte[] bytes = new byte[MAX * (HEAD + ID_MAX)];
    int length;

    void clear() {
        n = length = 0;
    }

    void add(int rule, int score, double points, long occurredAt, Utf8 eventId, EventKey key) {
        if (n == MAX) {
            int first = next(0);
            length -= first;
            System.arraycopy(bytes, first, bytes, 0, length);
            n--;
        }
        bytes[length] = (byte) rule;
        bytes[length + 1] = (byte) score;
        Bytes.putDouble(bytes, length + 2, points);
        Bytes.putLong(bytes, length + 10, occurredAt);
        if (key.isUuid) {
            bytes[length + 18] = (byte) UUID;
            Bytes.putLong(bytes, length + HEAD, key.high);
            Bytes.putLong(bytes, length + HEAD + 8, key.low);
        } else {
            bytes[length + 18] = (byte) eventId.getByteLength();
            System.arraycopy(eventId.getBytes(), 0, bytes, length + HEAD, eventId.getByteLength());
        }
        length = next(length);
        n++;
    }

    /** Where the award after the one at `at` begins. */
    int next(int at) {
        int id = bytes[at + 18] & 0xff;
        return at + HEAD + (id == UUID ? 16 : id);
    }

    int rule(int at) {
        return bytes[at];
    }

    int score(int at) {
        return bytes[at + 1];
    }

    double points(int at) {
        return Bytes.getDouble(bytes, at + 2);
    }

    long occurredAt(int at) {
        return Bytes.getLong(bytes, at + 10);
    }

    Utf8 eventId(int at) {
        int id = bytes[at + 18] & 0xff;
        if (id == UUID) {
            return EventKey.print(Bytes.getLong(bytes, at + HEAD), Bytes.getLong(bytes, at + HEAD + 8));
        }
        return new Utf8(Arrays.copyOfRange(bytes, at + HEAD, at + HEAD + id));
    }
}
