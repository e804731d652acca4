// SPDX-License-Identifier: Apache-2.0
package io.scored.bench.scoring;

import java.util.Arrays;
import java.util.Map;
import org.apache.avro.util.Utf8;

/**
 * A lead's attributes, packed: each a name, a type and a value. An event needs two facts of them, which are kept apart; the rest is only
 * looked at when it changes.
 */
final class Profile {
    private static final int BOOLEAN = 0, LONG = 1, DOUBLE = 2, TEXT = 3;
    private static final Utf8 EMPLOYEES = new Utf8("employees"), SENIORITY = new Utf8("seniority");
    private static final Utf8[] DECIDERS = {new Utf8("vp"), new Utf8("c_level"), new Utf8("owner")};
    private static final double LARGE_MIN = 1000;

    byte[] bytes = new byte[256];
    int length;
    /** `profile.employees >= 1000` */
    boolean isLarge;
    /** `profile.seniority in ["vp", "c_level", "owner"]` */
    boolean isDecider;

    void clear() {
        length = 0;
        isLarge = isDecider = false;
    }

    void reserve(int n) {
        if (bytes.length < n) {
            bytes = Arrays.copyOf(bytes, Math.max(n, 2 * bytes.length));
        }
    }

    /** A null deletes. */
    void patch(Map<Utf8, Object> updates) {
        for (Map.Entry<Utf8, Object> update : updates.entrySet()) {
            remove(update.getKey());
            if (update.getValue() != null) {
                append(update.getKey(), update.getValue());
            }
            note(update.getKey(), update.getValue());
        }
    }

    private void note(Utf8 name, Object value) {
        if (name.equals(EMPLOYEES)) {
            isLarge = value instanceof Number && isAtLeast(((Number) value).doubleValue(), LARGE_MIN);
        } else if (name.equals(SENIORITY)) {
            isDecider = Arrays.asList(DECIDERS).contains(value);
        }
    }

    static boolean isAtLeast(double value, double least) {
        return value > least || Math.abs(value - least) < Model.EPSILON;
    }

    private int readInt(int at) {
        return (bytes[at] & 0xff) << 24 | (bytes[at + 1] & 0xff) << 16 | (bytes[at + 2] & 0xff) << 8 | bytes[at + 3] & 0xff;
    }

    private void writeInt(int value) {
        reserve(length + 4);
        bytes[length++] = (byte) (value >> 24);
        bytes[length++] = (byte) (value >> 16);
        bytes[length++] = (byte) (value >> 8);
        bytes[length++] = (byte) value;
    }

    private void writeText(Utf8 text) {
        writeInt(text.getByteLength());
        reserve(length + text.getByteLength());
        System.arraycopy(text.getBytes(), 0, bytes, length, text.getByteLength());
        length += text.getByteLength();
    }

    private int valueLength(int at) {
        switch (bytes[at]) {
            case BOOLEAN:
                return 1 + 1;
            case TEXT:
                return 1 + 4 + readInt(at + 1);
            default:
                return 1 + 8;
        }
    }

    private void remove(Utf8 name) {
        for (int at = 0; at < length;) {
            int nameLength = readInt(at);
            int value = at + 4 + nameLength;
            int end = value + valueLength(value);
            if (Arrays.equals(bytes, at + 4, value, name.getBytes(), 0, name.getByteLength())) {
                System.arraycopy(bytes, end, bytes, at, length - end);
                length -= end - at;
                return;
            }
            at = end;
        }
    }

    private void append(Utf8 name, Object value) {
        writeText(name);
        reserve(length + 9);
        if (value instanceof Boolean) {
            bytes[length++] = BOOLEAN;
            bytes[length++] = (byte) ((Boolean) value ? 1 : 0);
        } else if (value instanceof Utf8) {
            bytes[length++] = TEXT;
            writeText((Utf8) value);
        } else {
            boolean isLong = value instanceof Long;
            bytes[length++] = (byte) (isLong ? LONG : DOUBLE);
            Bytes.putLong(bytes, length, isLong ? (Long) value : Double.doubleToRawLongBits((Double) value));
            length += 8;
        }
    }
}
